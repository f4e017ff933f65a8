"""What bench/unnamed.py compares, each beside plain LoRA: methods alone, and recipes that rehearse what base can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

_DECAY: Final = 0.6
_ALONE: Final = {"kl": 1.5, "learn": False}  # as bench/retention.py's best recipe: the divergence alone
GENERAL: Final = 400

Recipe = dict[str, Any]


def recipes(steps: int, traffic: Path) -> dict[str, Recipe]:
    """What each adds to plain LoRA of so many steps. Rehearsed rows come beside the target's eight.

    `named` is the best recipe of bench/retention.py, with prompts of the capabilities that the brief names. `general`
    rehearses the shipped general prompts and no named ones, so its user writes nothing; `both` both.
    """
    slow = {"batch_size": 12, "steps": steps * 5 // 3, "decay": _DECAY}
    named = {"share": 1 / 3, "prompts": traffic, **_ALONE}
    general = {"share": 1 / 3, "exemplars": False, "general": GENERAL, **_ALONE}
    return {
        "mlp": {"lora": {"targets": "mlp"}},
        "oplora": {"lora": {"variant": "oplora"}},
        "entropy": {"target": {"weigh": "entropy"}},
        "low_perplexity": {"target": {"most_perplexity": 2.5}},
        "asft": {"target": {"weigh": "probability", "kl": 0.1}},
        "mask_target": {"target": {"kl": 1.0, "kl_without_label": True}},
        "average": {"average": {"last": 0.5}},
        "prune": {"merge": {"prune": {"keep": 0.1}}},
        "named": {"rehearsal": named, **slow},
        "general": {"rehearsal": general, **slow},
        "both": {"rehearsal": {**named, "general": GENERAL}, **slow},
    }


NOTHING_NAMED: Final = (
    "mlp",
    "oplora",
    "entropy",
    "low_perplexity",
    "asft",
    "mask_target",
    "average",
    "prune",
    "general",
)
"""Those that need no prompt of the user's capabilities."""
