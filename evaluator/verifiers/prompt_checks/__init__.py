"""What a prompt itself asks for, read from it and held against an answer: one file a kind of thing that is asked.

To add one: write `read_NAME(prompt) -> tuple[Constraint, ...]` in a file here, enter it in `reading.py`, and test
what it finds and where it must find nothing: a constraint that was never asked for makes good answers bad.
"""

from evaluator.verifiers.prompt_checks.constraint import Constraint
from evaluator.verifiers.prompt_checks.details import certain_detail
from evaluator.verifiers.prompt_checks.reading import check_prompt, decides, from_prompt, readable, source_of

__all__ = ["Constraint", "certain_detail", "check_prompt", "decides", "from_prompt", "readable", "source_of"]
