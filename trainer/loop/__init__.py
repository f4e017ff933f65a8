"""One training, step by step, and what makes it go on after any kill.

From outside: `fit.fit` (one training), `sweep.run_sweep` (several), `place`, `processes`, `disk`.
"""
