"""The parts of bench/retention.py: data, runs, costs, the table and its picture."""
