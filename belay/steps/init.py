"""`belay init`: what is found on this machine, what a person says, and the belay.yaml that comes of both."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from belay.project import EMBEDDED, Project
from serving.engines.placement import driver_cards
from serving.models.store import ModelStore
from telemetry.errors import UsageError
from telemetry.files import write_renamed
from telemetry.settings import parse_document

_KAFKA_PORTS: Final = (9092, 29092)
_BRIEFS: Final = ("brief.yaml", "*/brief.yaml", "*/*/brief.yaml")

_FILE: Final = """\
# Belay: one route, its models, and how it is rolled out. `belay doctor` says what is wrong with it.
route: {route}            # the model's name that clients ask for
base: {base}              # a model in the home: `belay models` lists them, `belay adopt` takes yours in
{candidate}
brief: {brief}
home: {home}
broker: {broker}          # embedded (keeps nothing on disk), or host:port
ports: {{router: {router}, status: {status}, control: {control}, engine: {engine}, broker: {kafka}}}
privacy: redacted         # what leaves this machine of what users write: full, redacted or hashed
stages: "{stages}"        # share:interactions before the next stage; the last needs no number
advance: evidence         # who promotes a stage: manual, schedule or evidence
shadow: 0.1               # the fraction of prompts that both arms answer
{gpu}
training:                 # how `belay train NAME` trains; docs/trainer.md has every key
  steps: 30
  rehearsal: {{share: 0.5, kl: 1.0}}
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What lies on this machine: bases and candidates of the home, briefs, a broker, GPUs by name."""

    bases: tuple[str, ...]
    candidates: tuple[str, ...]
    briefs: tuple[str, ...]
    broker: str
    gpus: tuple[str, ...]


Ask = Callable[[str, str], str]
"""Asks a person: (question, proposal) to an answer."""


def look_around(folder: Path, home: Path) -> Found:
    """Look for models, briefs, a broker and GPUs; nothing is started and nothing is fetched."""
    store = ModelStore(home)
    briefs = dict.fromkeys(
        str(path.relative_to(folder)) for pattern in _BRIEFS for path in sorted(folder.glob(pattern))
    )
    return Found(
        bases=tuple(model.name for model in store.every("base")),
        candidates=tuple(model.name for model in store.every("candidate", "adapter")),
        briefs=tuple(briefs),
        broker=next((f"127.0.0.1:{port}" for port in _KAFKA_PORTS if listens("127.0.0.1", port)), EMBEDDED),
        gpus=tuple(card.name for card in driver_cards()),
    )


def proposals(found: Found, home: str) -> dict[str, str]:
    """What is written where nobody says otherwise."""
    return {
        "route": "support",
        "base": found.bases[0] if found.bases else "base",
        "candidate": found.candidates[0] if len(found.candidates) == 1 else "",
        "brief": found.briefs[0] if found.briefs else "brief.yaml",
        "home": home,
        "broker": found.broker,
    }


_QUESTIONS: Final = {
    "route": "The model's name that clients ask for",
    "base": "The base, a model in the home",
    "candidate": "The candidate (nothing, while there is none)",
    "brief": "The capability brief",
    "broker": "The broker: embedded, or host:port",
}


def asked(found: Found, home: str, ask: Ask) -> dict[str, str]:
    """The proposals, each put to a person."""
    answers = proposals(found, home)
    for name, question in _QUESTIONS.items():
        answers[name] = ask(question, answers[name]).strip()
    return answers


def project_text(answers: dict[str, str], found: Found, ports: dict[str, int]) -> str:
    """The file's text, which is checked to be a project. Raises SettingsError for an answer that cannot be used."""
    plain = {name: _scalar(value) for name, value in answers.items() if name != "candidate"}
    candidate = answers["candidate"]
    text = _FILE.format(
        **plain,
        candidate=f"candidate: {_scalar(candidate)}"
        if candidate
        else "# candidate: NAME    # once there is one",
        stages="5%:2000,25%:4000,50%",
        gpu="# gpu_memory: 0.45        # of each engine; without it they have a GPU each, or share one"
        if found.gpus
        else "",
        router=ports["router"],
        status=ports["status"],
        control=ports["control"],
        engine=ports["engine"],
        kafka=ports["broker"],
    )
    text = re.sub(r"\n\n+", "\n", text)
    parse_document(text, Project, "belay.yaml")
    return text


def write_project(path: Path, text: str) -> None:
    """Write it. Raises UsageError where there is one already."""
    if path.exists():
        raise UsageError(f"{path} is there already; nothing was changed", hint="Edit it, or say --force.")
    write_renamed(path, text.encode())


def listens(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False


def _scalar(value: str) -> str:
    """A string as YAML on one line: quoted where it would be read as something else."""
    return str(yaml.safe_dump(value, allow_unicode=True, width=10_000)).removesuffix("...\n").strip()
