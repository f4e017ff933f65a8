"""Benchmarks through lm-eval, item by item, with its own scores.

From outside: `lm_eval_measure` (which alone imports lm_eval) and `texts`.
"""
