"""What commands do, a step a file: each shows its progress and keeps its result.

Steps call the evaluator, the trainer and serving; a rule that a step would need belongs there.
"""
