"""What the sequential test knows of a rollout, and what follows from it. Pure."""
