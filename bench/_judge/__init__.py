"""The parts of bench/judge.py: attacks on judges, agreement with people, what a judging model costs.

A part is one file with a function of the `Result`; `stubs` has the judges that stand in for a model.
"""
