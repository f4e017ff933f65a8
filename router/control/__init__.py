"""The control plane: `rollout` is the one transition table, and everything else carries it out.

From outside: `app.run_control(settings)`, `settings.ControlSettings`, and `rollout.transition` for whoever asks
what would follow.
"""
