"""Telling people what became of a rollout: `notice` says it, `senders` carry it, `notifier` sees that it arrives.

From outside: `notifier.Notifier(settings, file, control.heard)` and its `changed`, which control follows.
"""
