"""One interaction from its request to what its score did: found in the log, and told stage by stage.

`finding.Finder` looks it up, `stages.told` makes the stages of what was found (pure), `ways.Ways` is both for the rest
of control. Its texts are told to whom they may be shown.
"""
