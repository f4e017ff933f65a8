"""Reports as their parts leave them: audits by the evaluator itself, trainings as files (the trainer loads torch)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evaluator.audit.reporting.report import write_report
from serving.models.manifest import Manifest
from tests.evaluator.support.audits import audit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def audited(home: Path, name: str, hours: float = 0.0, facts: float = 0.1) -> None:
    """An audit of the model of this name, with its report."""
    result = audit(items=60, support=1.0, facts=facts)
    write_report(result.model_copy(update={"started": NOON + timedelta(hours=hours)}), home / "audits" / name)


SCORES = ((10, 0.6, 0.9), (20, 0.9, 0.45))
"""Step, the target's score and that of `facts`, of which base has 0.3 and 0.9."""


def training() -> dict[str, Any]:
    """`training.json` of a run whose first checkpoint was taken and weakened by a merge."""
    return {
        "sources": [{"name": "target", "examples": 320}],
        "learning_rate": 0.001,
        "steps": 20,
        "checkpoint": 10,
        "alarms": ["step 3: layer 7"],
        "evaluations": [
            {
                "step": step,
                "capabilities": [
                    {"role": "target", "base": 0.3, "candidate": target, "verdict": "pass"},
                    {
                        "role": "adjacent",
                        "base": 0.9,
                        "candidate": facts,
                        "verdict": "fail" if facts < 0.8 else "pass",
                    },
                ],
            }
            for step, target, facts in SCORES
        ],
        "merge": {"method": "linear", "weights": [0.7]},
    }


def trained(home: Path, name: str, hours: float = 0.0) -> None:
    """A training's folder, as far as the page looks into it."""
    folder = home / "models" / name
    folder.mkdir(parents=True)
    (folder / "training.json").write_text(json.dumps(training()), "utf-8")
    (folder / "training.html").write_text("<!doctype html><title>training</title><p>a training", "utf-8")
    manifest = Manifest(
        kind="candidate",
        name=name,
        created=NOON + timedelta(hours=hours),
        files={},
        sha256="c" * 64,
        base_sha256="b" * 64,
        settings={
            "lora": {"variant": "dora"},
            "rehearsal": {"share": 0.5},
            "ewc": None,
            "sweep": {"items": 3},
        },
        training={"checkpoint": 10},
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json(), "utf-8")
