"""The four processes of the online path: their settings out of one value, and the command that each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from belay.home import RunFolder
from evaluator.briefs.judges import Judges
from serving.engines.arms import Endpoint
from telemetry.events import TextPolicy
from telemetry.files import write_renamed


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Where the parts of one run find each other. Ports of 0 are chosen freely.

    Forwarder, worker and control are scraped at `metrics_port` and the two after it. `models` is where both arms' model
    folders lie, so that they are pinned while the rollout is under way. `kafka` are
    settings of the bus beside its servers and `router` of the router beside what follows from the others, `access` is
    how control knows who asks and `notify` whom it tells;
    `text_policy` is what leaves the machine of what users write. `learned` is the judge that the candidate's audit
    left.
    """

    brief: Path
    control: Endpoint
    candidate: Endpoint
    bootstrap: str
    folder: RunFolder
    models: Path | None = None
    router_port: int = 0
    control_port: int = 0
    status_port: int = 0
    metrics_port: int | None = None
    kafka: Mapping[str, Any] = field(default_factory=dict)
    text_policy: TextPolicy = "full"
    attest_every_s: float = 300.0
    access: Mapping[str, Any] | None = None
    notify: Mapping[str, Any] = field(default_factory=dict)
    judges: Judges = field(default_factory=dict)
    router: Mapping[str, Any] = field(default_factory=dict)
    learned: Path | None = None

    @property
    def bus(self) -> dict[str, Any]:
        """How processes reach the broker."""
        return {"bootstrap_servers": self.bootstrap, **self.kafka}

    def metrics(self, number: int) -> dict[str, Any]:
        """Where the process of this number is scraped; nothing where none is."""
        return {} if self.metrics_port is None else {"metrics_port": self.metrics_port + number}


@dataclass(frozen=True, slots=True)
class Process:
    """A part by the name people know it by: `belay COMMAND --settings FILE`, and what stands in the file."""

    name: str
    command: str
    content: dict[str, Any]

    def written(self, folder: RunFolder) -> list[str]:
        """Write its settings file into the run's folder; the arguments of `belay`."""
        path = folder.settings(self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        # The broker's password may stand in it, where belay.yaml has one.
        write_renamed(path, yaml.safe_dump(self.content, sort_keys=False).encode(), private=True)
        return [self.command, "--settings", str(path)]


def processes_of(s: StackSettings) -> list[Process]:
    """Control, router, forwarder and worker, in the order in which they are started."""
    folder = s.folder
    return [
        Process(
            "control",
            "control",
            {
                "port": s.control_port,
                "rollout_file": str(folder.rollout_file),
                "folder": str(folder.root),
                "models_folder": str(s.models) if s.models is not None else None,
                "brief": str(s.brief),
                "attest_every_s": s.attest_every_s,
                "access": dict(s.access) if s.access is not None else None,
                "notify": dict(s.notify),
                "bootstrap_servers": s.bootstrap,
                "kafka": dict(s.kafka),
                **s.metrics(2),
            },
        ),
        Process(
            "router",
            "router",
            {
                **s.router,
                "port": s.router_port,
                "status_port": s.status_port,
                "control": s.control.model_dump(),
                "candidate": s.candidate.model_dump(),
                "rollout_file": str(folder.rollout_file),
                "spool_folder": str(folder.spool),
                "table_file": str(folder.word_table),
            },
        ),
        Process(
            "forwarder",
            "forward",
            {
                "spool_folder": str(folder.spool),
                "text_policy": s.text_policy,
                "status_file": str(folder.forwarder_status),
                "bus": s.bus,
                **s.metrics(0),
            },
        ),
        Process(
            "worker",
            "watch",
            {
                "bus": s.bus,
                "worker": {
                    "brief": str(s.brief),
                    "status_file": str(folder.worker_status),
                    "table_file": str(folder.word_table),
                    "judges": {name: judge.model_dump() for name, judge in s.judges.items()},
                    "learned": str(s.learned) if s.learned is not None else None,
                    **s.metrics(1),
                },
            },
        ),
    ]
