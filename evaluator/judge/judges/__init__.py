"""Judges, from an answer to a score, and the suite that measures them.

From outside: `judge.Judge`, `scorer`, `suite.run_judge_suite`, `error`, `calibration`, `betting`.
"""
