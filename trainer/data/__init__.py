"""Data on their way into a step: read, cleaned, mixed, encoded, packed.

In order: `formats`, `decontaminate`, `reading`, `mixture`, `encoding`, `packing`, `feed` (what a step sees).
"""
