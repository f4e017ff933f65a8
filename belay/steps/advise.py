"""What `belay advise` does: gathers the facts, asks the rules, shows the reasons, writes the run that follows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from belay.home import Home
from evaluator.audit.baseline import Baseline, load_baseline
from evaluator.briefs.brief import LoadedBrief
from evaluator.briefs.schema import FactsChange, Kind
from evaluator.map.advice.facts import Facts, TrainingData, facts_of
from evaluator.map.advice.rules import settings_of
from evaluator.map.advice.values import QUESTIONS, Ground, Recommendation
from serving.models.manifest import read_manifest
from telemetry.errors import BelayError, UsageError
from telemetry.files import write_renamed
from trainer.config import TrainSettings
from trainer.data.dialogues import load_dialogues

_STYLES: Final[dict[Ground, str]] = {"published": "cyan", "measured": "green", "thin": "yellow"}
_WIDTH: Final = 110


@dataclass(frozen=True, slots=True)
class Said:
    """What the command line says besides the brief; None leaves it to the brief."""

    kind: Kind | None = None
    facts_change: FactsChange | None = None
    cites: bool | None = None
    cot: Path | None = None
    replay: Path | None = None


def gather(loaded: LoadedBrief, home: Home, said: Said) -> Facts:
    """The facts of the brief, of the baseline where one of this brief is recorded, and of the training data."""
    for file in (said.cot, said.replay):
        if file is not None and not file.is_file():
            raise UsageError(f"there is no file {file}", hint="--cot and --replay name data that you have.")
    dialogues = load_dialogues(loaded.training_file)
    answers = {d.messages[-1].content for d in dialogues}
    return facts_of(
        loaded,
        baseline_of(loaded, home),
        TrainingData(examples=len(dialogues), answers=len(answers)),
        kind=said.kind,
        facts_change=said.facts_change,
        cites=said.cites,
        cot=str(said.cot) if said.cot else None,
        replay=str(said.replay) if said.replay else None,
    )


def baseline_of(loaded: LoadedBrief, home: Home) -> Baseline | None:
    """The recorded baseline of this very brief, or None."""
    try:
        found = load_baseline(home.baselines, read_manifest(home.base_model).sha256)
    except BelayError:
        return None
    return found if found.binding.brief_sha256 == loaded.sha256 else None


def show_advice(facts: Facts, recommendations: Sequence[Recommendation], console: Console) -> None:
    """Print each question with its answer, the reasons and the keys that it leads to."""
    if not facts.has_baseline:
        console.print(
            "[dim]No baseline of this brief is recorded: what base can do, and where it is at the floor, is not known. "
            "`belay baseline` records it.[/]"
        )
    for one in recommendations:
        console.print(
            f"\n[bold]{QUESTIONS[one.topic]}[/] {escape(one.advice.choice)}.  [dim](rule: {one.rule})[/]"
        )
        reasons = Table.grid(padding=(0, 1))
        for reason in one.advice.reasons:
            reasons.add_row(
                " ", Text(reason.ground, style=_STYLES.get(reason.ground, "")), f"{escape(reason.text)}."
            )
        console.print(reasons)
        for key, value in one.advice.settings.items():
            console.print(_indented(_block(key, value)), style="dim", markup=False)


def run_text(
    loaded: LoadedBrief,
    brief: Path,
    home: Home,
    name: str,
    path: Path,
    recommendations: Sequence[Recommendation],
) -> str:
    """A whole run.yaml for `path`: every key under the question that it answers, paths as seen from the file.

    Raises UsageError where the trainer would refuse it.
    """
    place = path.resolve().parent
    head = {
        "name": name,
        "base": _from(place, home.base_model),
        "data": _from(place, loaded.training_file),
        "output": _from(place, home.model(name)),
        "brief": _from(place, brief),
    }
    settings = _seen_from(place, settings_of(recommendations))
    try:
        TrainSettings.model_validate(head | settings)
    except ValueError as error:
        raise UsageError(f"the trainer would refuse this run: {error}") from error
    about = f"{loaded.brief.name}, version {loaded.brief.version} (brief {loaded.sha256[:12]})"
    lines = [
        f"# A training run of {about}, by `belay advise`.",
        f"# Start it with: belay train {path.name}",
        "",
    ]
    lines += [_block(key, value) for key, value in head.items()]
    written: set[str] = set()
    for one in recommendations:
        lines += ["", *_comment(one)]
        keys = [key for key in one.advice.settings if key not in written]
        lines += [_block(key, settings[key]) for key in keys]
        written.update(keys)
    return "\n".join(lines) + "\n"


def _comment(one: Recommendation) -> list[str]:
    """The question, the answer, and every reason, as comment lines."""
    said = [f"{QUESTIONS[one.topic]} {one.advice.choice}."]
    said += [f"{reason.ground}: {reason.text}." for reason in one.advice.reasons]
    return [
        line
        for index, text in enumerate(said)
        for line in wrap(
            text,
            _WIDTH,
            initial_indent="#   " if index else "# ",
            subsequent_indent="#     " if index else "# ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def write_run(path: Path, text: str) -> None:
    """Write the run file; UsageError where there is one."""
    if path.exists():
        raise UsageError(
            f"{path} exists", hint="Give another path, or move the file away: nothing is overwritten."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_renamed(path, text.encode())


def _seen_from(place: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with the paths of data sources as seen from `place`."""
    if "mix" not in settings:
        return settings
    mix = [source | {"path": _from(place, Path(source["path"]))} for source in settings["mix"]]
    return settings | {"mix": mix}


def _from(place: Path, path: Path) -> str:
    return Path(os.path.relpath(path.resolve(), place)).as_posix()


def _indented(text: str) -> str:
    return "\n".join(f"      {line}" for line in text.splitlines())


def _block(key: str, value: Any) -> str:
    """One key of a YAML file: mappings and lists of mappings a line each, what they hold on that line."""
    if isinstance(value, dict):
        return "\n".join([f"{key}:", *(f"  {name}: {_flow(inner)}" for name, inner in value.items())])
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "\n".join([f"{key}:", *(f"  - {_flow(inner)}" for inner in value)])
    return f"{key}: {_flow(value)}"


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, sort_keys=False, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("...\n").strip()
