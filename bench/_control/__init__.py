"""What bench/control.py and the page's tests look at: rollouts whose scores are made and whose decisions are real.

From outside: `story.tell`, `browser`.
"""
