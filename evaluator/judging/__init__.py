"""What an answer is worth, who says so, and how often they err."""
