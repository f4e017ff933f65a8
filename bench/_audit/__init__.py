"""The parts of bench/audit.py: sets, recordings, peers, replays."""
