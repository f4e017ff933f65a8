"""The online path on one machine: control, router, forwarder and worker as child processes, and one view of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from belay.home import RunFolder
from belay.launcher.supervisor import Supervisor
from evaluator.watch.worker.status import RolloutStatus, read_status
from serving.engines.arms import Endpoint
from serving.server import free_port
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.protocols import Bus
from telemetry.errors import InfrastructureError
from telemetry.events import CapabilityEvidence, RolloutChanged, RolloutSpec
from telemetry.files import write_renamed
from telemetry.rollout_file import read_rollout

_START_S = 60.0


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Where the parts of one run find each other. Ports of 0 are chosen freely.

    `models` is where both arms' model folders lie, so that they are pinned while the rollout is under way.
    """

    brief: Path
    control: Endpoint
    candidate: Endpoint
    bootstrap: str
    folder: RunFolder
    models: Path | None = None
    router_port: int = 0
    control_port: int = 0


@dataclass(frozen=True, slots=True)
class StackView:
    """One moment of the online path. `recorded` counts what the router spooled, `settled` what was folded.

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
    forwarded: int = 0
    settled: int = 0
    unscored: int = 0
    decisions: int = 0
    combined: float = 1.0
    bar: float = 100.0
    evidence: tuple[CapabilityEvidence, ...] = ()
    router_applied_ns: int | None = None


class OnlineStack:
    """Starts the four processes under a supervisor and tells how they are."""

    def __init__(self, settings: StackSettings, children: Supervisor) -> None:
        self._settings = settings
        self._children = children
        self._router_port = settings.router_port or free_port()
        self._control_port = settings.control_port or free_port()
        self._http = httpx.Client(timeout=5.0)
        self.bus: Bus = KafkaBus(BusSettings(bootstrap_servers=settings.bootstrap))

    @property
    def router_url(self) -> str:
        """Where clients send their requests; add `/v1`."""
        return f"http://127.0.0.1:{self._router_port}"

    @property
    def control_url(self) -> str:
        """The control API."""
        return f"http://127.0.0.1:{self._control_port}"

    def start(self) -> None:
        """Create the topics, start the processes, wait until router and control answer."""
        self._settings.folder.root.mkdir(parents=True, exist_ok=True)
        self.bus.ensure_topics()
        for name, command, content in self._processes():
            path = self._settings.folder.settings(name)
            write_renamed(path, yaml.safe_dump(content, sort_keys=False).encode())
            self._children.start(name, [command, "--settings", str(path)])
        for url in (f"{self.router_url}/belay/healthz", f"{self.control_url}/healthz"):
            self._children.wait_until(lambda url=url: self._answers(url), f"an answer from {url}", _START_S)  # type: ignore[misc]  # mypy cannot type a lambda's default
        worker = self._settings.folder.worker_status
        self._children.wait_until(worker.is_file, "the worker's first word", _START_S)

    def _processes(self) -> list[tuple[str, str, dict[str, Any]]]:
        s, folder = self._settings, self._settings.folder
        return [
            (
                "control",
                "control",
                {
                    "port": self._control_port,
                    "rollout_file": str(folder.rollout_file),
                    "folder": str(folder.root),
                    "models_folder": str(s.models) if s.models is not None else None,
                    "bootstrap_servers": s.bootstrap,
                },
            ),
            (
                "router",
                "router",
                {
                    "port": self._router_port,
                    "control": s.control.model_dump(),
                    "candidate": s.candidate.model_dump(),
                    "rollout_file": str(folder.rollout_file),
                    "spool_folder": str(folder.spool),
                    "table_file": str(folder.word_table),
                },
            ),
            (
                "forwarder",
                "forward",
                {
                    "spool_folder": str(folder.spool),
                    "text_policy": "full",
                    "status_file": str(folder.forwarder_status),
                    "bus": {"bootstrap_servers": s.bootstrap},
                },
            ),
            (
                "worker",
                "watch",
                {
                    "bus": {"bootstrap_servers": s.bootstrap},
                    "worker": {
                        "brief": str(s.brief),
                        "status_file": str(folder.worker_status),
                        "table_file": str(folder.word_table),
                    },
                },
            ),
        ]

    def start_rollout(self, spec: RolloutSpec) -> None:
        """Start the rollout at control and wait until the router has read it."""
        answer = self._http.post(f"{self.control_url}/rollouts", json=spec.model_dump(mode="json"))
        if answer.is_error:
            raise InfrastructureError(
                f"control refused to start rollout {spec.rollout_id}: {answer.status_code} {answer.text}"
            )
        self._children.wait_until(
            lambda: self._router_status().get("rollout_id") == spec.rollout_id,
            "the router's reading of the new rollout",
            10.0,
        )

    def close(self) -> None:
        """Let go of the connections to router and control; the processes are the supervisor's."""
        self._http.close()

    def roll_back(self, actor: str, reason: str) -> None:
        """Roll back by hand, over HTTP."""
        current = read_rollout(self._settings.folder.rollout_file)
        if current is None:
            raise InfrastructureError("there is no rollout to roll back")
        url = f"{self.control_url}/rollouts/{current.spec.rollout_id}/rollback"
        self._http.post(url, json={"actor": actor, "reason": reason}).raise_for_status()

    def view(self) -> StackView:
        """What router, forwarder and worker say of themselves at this moment."""
        current = read_rollout(self._settings.folder.rollout_file)
        if current is None:
            return StackView()
        router, forwarder = self._router_status(), _read_json(self._settings.folder.forwarder_status)
        worker = read_status(self._settings.folder.worker_status)
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
            forwarded=forwarder.get("forwarded", 0),
            router_applied_ns=router.get("applied_at_ns") if _is_current(router, current) else None,
            **known,
        )

    def _router_status(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._http.get(f"{self.router_url}/belay/status").json()
        except (httpx.HTTPError, json.JSONDecodeError):
            return {}
        return found

    def _answers(self, url: str) -> bool:
        try:
            return self._http.get(url).is_success
        except httpx.HTTPError:
            return False


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


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return found
