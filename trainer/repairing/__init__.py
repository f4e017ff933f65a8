"""A rollout that was rolled back becomes the next training's rehearsal.

In order: `log` (what Kafka holds of it), `repair` (what is rehearsed), `compare` (before and after), `result`.
"""
