"""Before a rollout: how long it takes to find a drop, by formula, by simulation and by drill."""
