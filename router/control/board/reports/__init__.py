"""Audits and trainings of this machine, read from where their parts left them, and their reports' pages.

`shelf.Shelf` is what the rest of control uses. Files are read as values of their own, since the router never imports
the evaluator or the trainer; what cannot be read is told in a line and hides nothing else.
"""
