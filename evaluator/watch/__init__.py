"""The sequential test on live traffic: planned before, run during, told after a rollout.

Rooms: evidence/ (the test, pure), worker/ (scorer and decider over the bus, replay), planning/ (how long a drop
would live, the rollout's terms), reporting/ (the closing summary).
"""
