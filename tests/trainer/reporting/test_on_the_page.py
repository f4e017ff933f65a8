"""What the trainer writes is what control's page reads, which may not import the trainer."""

from __future__ import annotations

import pytest

from router.control.board.reports.files import TrainingFile
from tests.router.control.board.reports.values import SCORES
from trainer.data.feed import UsedSource
from trainer.scoring.checkpoints import CapabilityScore, Evaluation
from trainer.scoring.records import Merge, Record


def evaluation(step: int, target: float, facts: float) -> Evaluation:
    verdict = "fail" if facts < 0.8 else "pass"
    fields = {"threshold": 0.05, "n": 30}
    said = (
        {"name": "support", "role": "target", "base": 0.3, "candidate": target, "verdict": "pass"},
        {"name": "facts", "role": "adjacent", "base": 0.9, "candidate": facts, "verdict": verdict},
        {
            "name": "sums",
            "role": "adjacent",
            "base": 0.0,
            "candidate": 0.0,
            "verdict": "fail",
            "floor": "chance",
        },
        {"name": "lists", "role": "adjacent", "base": 0.5, "candidate": None, "verdict": "inconclusive"},
    )
    return Evaluation(
        step=step, capabilities=tuple(CapabilityScore.model_validate(fields | one) for one in said)
    )


def test_a_training_is_told_as_the_trainer_knows_it() -> None:
    source = UsedSource(
        name="target", sha256="2" * 64, share=1.0, examples=320, drawn=120, epochs=0.4, too_long=0
    )
    record = Record(
        sources=(source,),
        learning_rate=0.001,
        steps=20,
        checkpoint=10,
        evaluations=tuple(evaluation(*one) for one in SCORES),
        merge=Merge(method="slerp", weights=(0.7, 0.9)),
    )
    read = TrainingFile.model_validate_json(record.content)
    assert (read.learning_rate, read.steps, read.checkpoint) == (0.001, 20, 10)
    assert (read.sources[0].examples, read.merge.method, read.merge.weights) == (320, "slerp", (0.7, 0.9))
    told = [one.told() for one in read.evaluations]
    assert [(one.step, one.target, one.fallen) for one in told] == [
        (one.step, one.target, len(one.over)) for one in record.evaluations
    ]
    assert [one.retention for one in told] == pytest.approx([one.retention for one in record.evaluations])
