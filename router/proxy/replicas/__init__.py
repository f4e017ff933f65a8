"""The replicas of one arm: which of them is asked, and which not for a while.

`replicas` has them; `choosing` and `health` are its rules, both pure; `checks` asks them how they are.
"""
