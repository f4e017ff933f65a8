"""One moment of the online path, out of what its parts say of themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from belay.home import RunFolder
from evaluator.watch.worker.status import RolloutStatus, read_status
from telemetry.events import CapabilityEvidence, RolloutChanged
from telemetry.rollout_file import read_rollout


@dataclass(frozen=True, slots=True)
class StackView:
    """One moment of the online path. `recorded` counts interactions, `spooled` shadows' answers too.

    `settled` counts what was folded.
    `shadow_draw` is how it is settled who gets a shadow, in the router's words.
    """

    rollout_id: str = ""
    status: str = "starting"
    stage: int = 0
    stages: int = 0
    share: float = 0.0
    reason: str = ""
    requests: dict[str, int] = field(default_factory=dict)
    fallbacks: int = 0
    shadows: int = 0
    shadow_draw: str = ""
    recorded: int = 0
    spooled: int = 0
    forwarded: int = 0
    settled: int = 0
    unscored: int = 0
    decisions: int = 0
    combined: float = 1.0
    bar: float = 100.0
    evidence: tuple[CapabilityEvidence, ...] = ()
    router_applied_ns: int | None = None


def look(folder: RunFolder, router: dict[str, Any]) -> StackView:
    """What router (its `/belay/status`), forwarder and worker say at this moment."""
    current = read_rollout(folder.rollout_file)
    if current is None:
        return StackView()
    forwarder = read_json(folder.forwarder_status)
    worker = read_status(folder.worker_status)
    rollout = current.spec.rollout_id
    mine = next((r for r in worker.rollouts if r.rollout_id == rollout), None) if worker else None
    known = {} if mine is None else _of_rollout(mine)
    return StackView(
        rollout_id=rollout,
        status=current.status,
        stage=current.stage,
        stages=len(current.spec.stages),
        share=current.share,
        reason=current.reason if current.revision > 1 else "",
        requests=router.get("requests", {}),
        fallbacks=router.get("fallbacks", 0),
        shadows=router.get("shadows", 0),
        shadow_draw=router.get("shadow_draw", ""),
        recorded=router.get("recorded", 0),
        spooled=router.get("recorded", 0) + router.get("shadows_recorded", 0),
        forwarded=forwarder.get("forwarded", 0),
        router_applied_ns=router.get("applied_at_ns") if _is_current(router, current) else None,
        **known,
    )


def router_status(http: httpx.Client, url: str) -> dict[str, Any]:
    """What the router says of itself at `url`, its own address; empty where it does not answer."""
    try:
        found: dict[str, Any] = http.get(f"{url}/belay/status").json()
    except (httpx.HTTPError, json.JSONDecodeError):
        return {}
    return found


def _of_rollout(known: RolloutStatus) -> dict[str, Any]:
    return {
        "settled": known.settled,
        "unscored": known.unscored,
        "decisions": known.decisions,
        "combined": known.combined,
        "bar": known.bar,
        "evidence": known.evidence,
    }


def _is_current(router: dict[str, Any], current: RolloutChanged) -> bool:
    """Whether the router's last reading is of this very state; an older one has another moment."""
    return bool(router.get("revision") == current.revision)


def read_json(path: Path) -> dict[str, Any]:
    """What a process wrote of itself; empty where it has not begun."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return found
