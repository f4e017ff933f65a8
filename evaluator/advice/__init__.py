"""What follows from a brief before training, with the reasons."""
