"""Parts of bench/endurance.py: the log of months made as it is read, the watch over it, a real path's latencies.

From outside: `months.months`, `latency.latencies`.
"""
