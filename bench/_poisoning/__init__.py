"""The parts of bench/poisoning.py: traffic of which a part is an attacker's, and what the evidence makes of it."""
