"""The data plane (assign, forward, spool) and the rollout state machine with its control API."""
