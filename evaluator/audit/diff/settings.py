"""How sure an audit must be, in which order it asks, and when it stops."""

from __future__ import annotations

from pydantic import Field

from evaluator.briefs.brief import Settings


class GateSettings(Settings):
    """The settings of an audit; everything besides brief, models and engine that its verdict depends on.

    `alpha_fail` bounds the chance that a candidate without any drop beyond its threshold fails, over all measures
    together (Holm). `alpha_pass` bounds the chance that a candidate with such a drop passes; to pass, every measure
    must be certain, so it needs no sharing (intersection-union). Both hold whenever the audit stops. `seed` is the
    order in which items are met. `chunk` is how many draws are asked at a time at least, eight times that at most.
    With `first_fail` the audit ends as soon as one measure has failed: its own verdict is certain then, while those of
    other capabilities may not be.
    """

    alpha_fail: float = Field(default=0.01, gt=0.0, lt=1.0)
    alpha_pass: float = Field(default=0.01, gt=0.0, lt=1.0)
    seed: int = 7
    chunk: int = Field(default=16, gt=0)
    first_fail: bool = False
    worst_pairs: int = Field(default=3, ge=0)
