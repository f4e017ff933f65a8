"""The brief's shares, measured on traffic.

From outside: `reading.measure_traffic` (from Kafka), `mapping.measure` (pure), `brief_shares`, `table`.
"""
