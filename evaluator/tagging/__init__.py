"""Which capability a prompt is about."""
