"""Two planes that never import each other: what they share is in telemetry.

proxy/ stands between clients and the two arms: assign, forward, record. control/ holds the rollout:
its transition table, its API, the loop that acts on decisions.
"""
