"""The parts of bench/detection.py: the world, the peers' rules, shadows, the cost of an update."""
