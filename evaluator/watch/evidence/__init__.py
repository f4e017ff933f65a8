"""The sequential test: e-processes, the fold over scores, the decision. Pure.

From outside: `fold.RolloutEvidence`, `decide.decide`, `sequential`.
"""
