"""What users might send: prompts that stand in no file of the brief, with the right answer of each.

Nothing here is shared with `../generator`: other names, places, templates, topics and ways to ask, so that
what scores well here was not merely seen before. `../traffic.py` is the command.
"""
