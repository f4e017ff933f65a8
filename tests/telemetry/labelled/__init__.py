"""What redaction is measured on: texts with a secret in them, and texts that only look as if.

`generated` are made by a seed, `written` by hand; of the latter every second one was never looked at while patterns
were written. `python -m tests.telemetry.labelled` prints recall, precision and cost.
"""
