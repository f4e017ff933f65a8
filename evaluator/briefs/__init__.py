"""The capability brief as it lies on disk: read, checked, bound by one hash."""
