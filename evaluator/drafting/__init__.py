"""Help in writing a brief: the interview, and what is weak in one that is there."""
