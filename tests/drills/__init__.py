"""Drills: our own processes under traffic, something that breaks, and an exact account at the end.

`python -m tests.drills` runs them (`make drills`, `make drills-long`); short ones are tests (`test_drills.py`).
`scenario` has their one shape, `drill` what runs, `account` what is counted at the end.
"""
