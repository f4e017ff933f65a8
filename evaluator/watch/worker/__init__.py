"""The worker of `belay watch`: interactions to scores to decisions, and their replay.

From outside: `worker.run_worker`, `replay`, `status.read_status`.
"""
