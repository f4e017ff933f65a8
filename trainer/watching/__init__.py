"""Every layer, while it is trained: gradients, updates, drift; and who is told.

From outside: `drift.Watch`, `watch_log`, `trackers.Trackers`.
"""
