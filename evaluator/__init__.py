"""What is measured: before a rollout, during one, and by whom.

Four wings over briefs/ and verifiers/: map/ (what users rely on), audit/ (candidate against base), judge/ (what an
answer is worth, what it is about), watch/ (the sequential test on live traffic).
"""
