"""The journey of a new user: `own` is what the user brings, `walk` runs the commands and times them."""
