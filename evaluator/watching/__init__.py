"""The worker of `belay watch`: from interactions to scores to decisions, and their replay."""
