"""What advice is made of: what to do, why, and the keys of a training run that it leads to."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from telemetry.events import Value

Ground = Literal["brief", "baseline", "data", "arithmetic", "published", "measured", "thin"]
"""Where a reason comes from. `thin` says that evidence is missing, which is a reason to check."""
Topic = Literal["approach", "breadth", "tuning", "mixing", "reasoning", "regulariser", "merging", "checking"]

QUESTIONS: Final[dict[Topic, str]] = {
    "approach": "Fine-tune or retrieve?",
    "breadth": "One model for all traffic?",
    "tuning": "Which learning rate, how many steps?",
    "mixing": "What to mix into the data?",
    "reasoning": "Chains of thought in the mix?",
    "regulariser": "EWC-LoRA, SAM or neither?",
    "merging": "Merge with base?",
    "checking": "What to check while training?",
}


class Reason(Value):
    """One reason: where it comes from, and what it says."""

    ground: Ground
    text: str

    def __init__(self, ground: Ground, text: str) -> None:
        given = {"ground": ground, "text": text}
        super().__init__(**given)


class Advice(Value):
    """What to do, why, and the keys of run.yaml that it leads to (`trainer.config.TrainSettings`)."""

    choice: str
    reasons: tuple[Reason, ...]
    settings: dict[str, Any] = Field(default_factory=dict)

    def __init__(
        self, choice: str, reasons: tuple[Reason, ...], settings: dict[str, Any] | None = None
    ) -> None:
        given = {"choice": choice, "reasons": reasons, "settings": settings or {}}
        super().__init__(**given)


class Recommendation(Value):
    """The advice on one topic, and the rule of the table that gave it."""

    topic: Topic
    rule: str
    advice: Advice
