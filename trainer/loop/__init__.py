"""One training, step by step, and what makes it go on after any kill.

From outside: `stock` (what is trained on), `fit.fit` (one training), `tracked` (and told of), `sweep.run_sweep`
(several), `evaluating`, `place`, `processes`, `disk`.
"""
