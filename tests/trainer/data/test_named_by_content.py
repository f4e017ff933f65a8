"""What names a training: the settings that decide its result, and nothing that an older version did not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trainer.config import TrainSettings
from trainer.data.reading import named_by_content

LATER = {"general", "general_share", "kl_prompts", "most_kl", "keep", "prune", "average", "target"}


def settings(**changed: Any) -> TrainSettings:
    plain = {
        "base": Path("base"),
        "data": Path("data.jsonl"),
        "output": Path("out"),
        "name": "one",
        "brief": Path("brief.yaml"),
        "rehearsal": {"kl": 1.0},
        "checkpoints": {"items": 4},
    }
    return TrainSettings.model_validate({**plain, **changed})


def keys(found: Any) -> set[str]:
    if not isinstance(found, dict):
        return set()
    return set(found).union(*(keys(value) for value in found.values()))


def test_what_came_later_and_is_not_used_is_not_in_a_training_s_name() -> None:
    assert not keys(named_by_content(settings(), None)) & LATER


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"average": {"last": 0.5}}, {"average"}),
        ({"target": {"weigh": "entropy"}}, {"target"}),
        ({"merge": {"prune": {"keep": 0.2}}}, {"prune", "keep"}),
        ({"lora": {"variant": "oplora", "keep": 8}}, {"keep"}),
        ({"rehearsal": {"kl": 1.0, "general": 10}}, {"general"}),
        ({"checkpoints": {"items": 4, "most_kl": 0.5}}, {"most_kl"}),
    ],
)
def test_what_came_later_and_is_used_is(changed: dict[str, Any], named: set[str]) -> None:
    assert keys(named_by_content(settings(**changed), None)) & LATER == named
