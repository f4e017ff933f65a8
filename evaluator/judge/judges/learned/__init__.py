"""The judge that an audit teaches: it predicts a score from what is known without a reference.

From outside: `judge.LearnedJudge` (reads and judges), `teaching.teach` (what an audit leaves behind).
"""
