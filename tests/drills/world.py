"""What the drills are about: a tiny brief whose judges are programs, its prompts with their answers, and a rollout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml

from evaluator.briefs.brief import LoadedBrief, load_brief
from telemetry.events import AuditRef, CapabilityWatch, ModelRef, RolloutSpec, Stage

ALIAS: Final = "m"
TRUE_DROPS_ONLY: Final = 1e-9
"""The alpha of rollouts that are not to be rolled back by chance in the middle of a drill."""
_CITIES: Final = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Austria": "Vienna", "Norway": "Oslo", "Japan": "Tokyo",
    "Egypt": "Cairo", "Peru": "Lima", "Kenya": "Nairobi", "Cuba": "Havana", "Poland": "Warsaw", "Greece": "Athens",
    "Ireland": "Dublin", "Hungary": "Budapest", "Portugal": "Lisbon", "Denmark": "Copenhagen", "Chile": "Santiago",
    "Iran": "Tehran", "Iraq": "Baghdad", "Ghana": "Accra", "Nepal": "Kathmandu", "Qatar": "Doha", "Senegal": "Dakar",
    "Finland": "Helsinki",
}  # fmt: skip
_SUMS: Final = {f"What is {a} + {b}?": a + b for a in range(11, 36, 4) for b in range(12, 28, 5)}
_CAPITALS: Final = {f"What is the capital of {land}?": city for land, city in _CITIES.items()}
_TAUGHT: Final = {
    "sums": [f"What is {a} + {b}?" for a in range(40, 60, 3) for b in range(41, 50, 4)],
    "capitals": [
        f"What is the capital of {land}?"
        for land in (
            "Sweden",
            "Belgium",
            "Serbia",
            "Jordan",
            "Oman",
            "Mali",
            "Laos",
            "Fiji",
            "Malta",
            "Yemen",
        )
    ],
}


def answers() -> dict[str, str]:
    """Every prompt with its right answer."""
    return {prompt: str(answer) for prompt, answer in (_SUMS | _CAPITALS).items()}


def write_brief(folder: Path) -> Path:
    """Write the brief with all that it names; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {"owner": "drills", "summary": "A brief for drills.", "training": "train.jsonl"}
    brief = {
        "name": "drills", "version": "1", **said,
        "capabilities": [
            _capability(folder, "sums", "number", _SUMS), _capability(folder, "capitals", "contains_answer", _CAPITALS)
        ],
    }  # fmt: skip
    brief["capabilities"][0]["role"] = "target"  # type: ignore[index]  # a mapping of several kinds of values
    turn = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
    (folder / "train.jsonl").write_text(json.dumps(turn) + "\n", encoding="utf-8")
    path = folder / "brief.yaml"
    path.write_text(yaml.safe_dump(brief, sort_keys=False), encoding="utf-8")
    return path


def _capability(folder: Path, name: str, verifier: str, right: dict[str, Any]) -> dict[str, Any]:
    lines = [json.dumps({"prompt": prompt, "reference": answer}) for prompt, answer in right.items()]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        "name": name,
        "why": "drills ask for it",
        "share": 0.5,
        "at_5_percent_loss": "nothing",
        "at_15_percent_loss": "nothing",
        "threshold": 0.1,
        "items": f"{name}.jsonl",
        "exemplars": _TAUGHT[name],
        "judge": {"verifier": verifier},
    }


def spec_of(brief: Path, rollout_id: str, **changes: Any) -> RolloutSpec:
    """The rollout of a drill: half of the subjects at once, promoted by nobody."""
    loaded: LoadedBrief = load_brief(brief)
    fields: dict[str, Any] = {
        "rollout_id": rollout_id,
        "model_alias": ALIAS,
        "base": ModelRef(name="base", sha256="b" * 64),
        "candidate": ModelRef(name="candidate", sha256="c" * 64),
        "salt": "pepper",
        "capabilities": tuple(
            CapabilityWatch(name=c.name, role=c.role, threshold=c.threshold, weight=0.5)
            for c in loaded.brief.capabilities
        ),
        "stages": (Stage(share=0.5),),
        "advance": "manual",
        "alpha": TRUE_DROPS_ONLY,
        "brief_sha256": loaded.sha256,
        "audit": AuditRef(verdict="pass", sha256="e" * 64),
    }
    return RolloutSpec(**(fields | changes))
