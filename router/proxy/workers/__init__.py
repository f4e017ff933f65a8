"""Several router processes on one port: who starts and ends them, and what they say of themselves together.

From outside: `supervisor.supervise`, and for a process that it started `worker.work`. A router of one process has
none of this.
"""
