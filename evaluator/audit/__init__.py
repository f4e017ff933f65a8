"""Candidate against base, before a rollout. `audit.run_audit` is the audit itself, `gate` its verdict.

Rooms: measures/ benchmarks/ mt_bench/ (what is asked), asking/ (who answers, what is kept), diff/ (the paired test),
reporting/ (what people and machines are told). From outside: `audit`, `baseline`, `result`, `brief_measures`.
"""
