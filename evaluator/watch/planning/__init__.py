"""Before a rollout: its terms, and how long a drop would live, by formula, by simulation and by drill.

From outside: `terms.rollout_spec`, `planner`, `drill`, `plot`.
"""
