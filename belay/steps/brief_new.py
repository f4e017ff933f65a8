"""What `belay brief new` does: asks, keeps every answer, and writes the brief with what it names."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from evaluator.briefs.brief import load_brief
from evaluator.briefs.problems import HINT_INDENT
from evaluator.briefs.schema import Brief
from evaluator.briefs.yaml_text import Place, YamlError, read_yaml
from evaluator.map.drafting.draft import Draft, finished
from evaluator.map.drafting.interview import Next, answered, default_of, help_of, next_question, retold
from evaluator.map.drafting.questions import LATER
from evaluator.map.drafting.writer import assumed_of, brief_text, skeletons
from telemetry.errors import BriefError, UsageError
from telemetry.files import write_renamed
from telemetry.mistakes import keys_at, unknown_key

BACK: Final = "<"
FORMAT: Final = "belay-brief-draft-1"
_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class DraftFile:
    """Where the answers to an interview lie until the brief is written: every answer as it was typed."""

    path: Path

    @classmethod
    def of(cls, brief: Path) -> DraftFile:
        """The draft beside the brief."""
        return cls(brief.with_name(f".{brief.name}.draft"))

    def load(self) -> list[tuple[str, str]]:
        """The answers so far. UsageError where the file is no draft."""
        if not self.path.is_file():
            return []
        hint = "Remove it to begin anew."
        try:
            data = json.loads(self.path.read_bytes())
            kind, answers = data["format"], [(str(asked), str(text)) for asked, text in data["answers"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self.path} is no draft of a brief: {error}", hint=hint) from error
        if kind != FORMAT:
            raise UsageError(f"{self.path}: format {kind!r}, expected {FORMAT!r}", hint=hint)
        return answers

    def save(self, answers: list[tuple[str, str]]) -> None:
        """Keep the answers."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_renamed(self.path, json.dumps({"format": FORMAT, "answers": answers}, indent=1).encode())

    def remove(self) -> None:
        """Forget the draft."""
        self.path.unlink(missing_ok=True)


class Interrupted(Exception):
    """The interview ended before its end; what was answered is kept."""


def interview(path: Path, console: Console, *, afresh: bool) -> Draft:
    """Ask until nothing is left to ask. Raises Interrupted on Ctrl-C and at the end of the input."""
    with suppress(ImportError):
        import readline  # noqa: F401, PLC0415 - arrow keys and earlier answers at the prompt, where there is one
    kept = DraftFile.of(path)
    if afresh:
        kept.remove()
    answers = kept.load()
    start = Draft({"folder": _slug(path.resolve().parent.name)})
    try:
        draft = retold(start, answers)
    except UsageError as error:
        raise UsageError(f"{kept.path}: {error.message}", hint="Begin anew with --afresh.") from error
    _greet(console, kept, len(answers))
    while (asked := next_question(draft)) is not None:
        _show(draft, asked, console)
        text = _typed()
        if text.strip() == BACK:
            answers = answers[:-1]
            draft = retold(start, answers)
            kept.save(answers)
            continue
        try:
            draft = answered(draft, asked, text)
        except ValueError as error:
            console.print(f"  [yellow]{escape(str(error))}[/]")
            continue
        answers.append((asked.id, text))
        kept.save(answers)
    return draft


def _greet(console: Console, kept: DraftFile, answers: int) -> None:
    if answers:
        console.print(f"Going on after {answers} answers; they lie in {kept.path} (--afresh begins anew).")
    console.print(
        f"[dim]Enter takes what stands in brackets. {escape(BACK)} goes back one question, {LATER} leaves one for "
        "later, Ctrl-C stops and keeps everything.[/]"
    )


def _show(draft: Draft, asked: Next, console: Console) -> None:
    about = ""
    if asked.capability is not None and asked.capability < len(draft.capabilities):
        about = f"[cyan]{draft.capabilities[asked.capability]['name']}[/]  "
    default = default_of(draft, asked)
    shown = f" [dim]\\[{escape(default)}][/]" if default else ""
    console.print(f"\n{about}[bold]{escape(asked.question.text)}[/]{shown}")
    if said := help_of(draft, asked):
        console.print(f"  [dim]{escape(said)}[/]")
    width = max(map(len, asked.question.choices), default=0)
    for choice, meaning in asked.question.choices.items():
        console.print(f"  {choice:<{width}}  [dim]{escape(meaning)}[/]")


def _typed() -> str:
    try:
        return input("> ")
    except (KeyboardInterrupt, EOFError) as error:
        raise Interrupted from error


def draft_from(file: Path) -> Draft:
    """The draft that a file of answers gives: a brief's own keys, as many of them as are known."""
    if not file.is_file():
        raise UsageError(
            f"no answers at {file}", hint="A YAML file with a brief's own keys, any of them missing."
        )
    try:
        data = read_yaml(file.read_bytes().decode("utf-8")).data
    except (YamlError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid YAML: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("capabilities"), list):
        raise UsageError(f"{file}: expected a mapping with a list of 'capabilities'")
    if not all(isinstance(one, dict) for one in data["capabilities"]) or not data["capabilities"]:
        raise UsageError(f"{file}: expected a mapping for each capability, and one capability at least")
    if wrong := list(_unknown(data, ())):
        raise UsageError(f"{file}:\n" + "\n".join(f"  {line}" for line in wrong))
    top = {key: value for key, value in data.items() if key != "capabilities"}
    roles = [one.get("role") for one in data["capabilities"]]
    usual = ["target" if not index and "target" not in roles else "adjacent" for index in range(len(roles))]
    capabilities = tuple(
        {"role": role} | dict(one) for role, one in zip(usual, data["capabilities"], strict=True)
    )
    return Draft(top, capabilities, complete=True)


def _unknown(value: Any, place: Place) -> list[str]:
    """The keys that a brief does not know, anywhere inside."""
    found: list[str] = []
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found += _unknown(inner, (*place, index))
    elif isinstance(value, dict) and place[-1:] != ("options",):
        known = keys_at(Brief, place)
        for key, inner in value.items():
            if key not in known:
                where = ".".join(map(str, (*place, key)))
                found.append(f"{where}: {unknown_key(str(key), known)}")
            else:
                found += _unknown(inner, (*place, key))
    return found


def write_brief(path: Path, draft: Draft, console: Console) -> None:
    """Write the brief and the files that it names and that are missing; say what is still to be done."""
    given = {"capabilities": draft.capabilities}
    made = finished(draft)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The brief last: where it stands, what it names stands too.
    for skeleton in skeletons(made):
        file = path.parent / skeleton.name
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_renamed(file, skeleton.text.encode())
            console.print(f"  {file}  [dim](one example line)[/]")
    write_renamed(path, brief_text(made, assumed_of(given, made)).encode())
    console.print(f"  {path}")
    tell_what_is_left(path, console)


def tell_what_is_left(path: Path, console: Console) -> None:
    """Whether the brief can be used, and what it still lacks where not."""
    try:
        load_brief(path)
    except BriefError as error:
        console.print("\n[bold]Still to be done:[/]")
        for line in error.message.splitlines()[1:]:
            told = line.startswith(HINT_INDENT)
            console.print(f"    [dim]{escape(line.strip())}[/]" if told else f"  - {escape(line.strip())}")
        if error.hint:
            console.print(f"    [dim]{escape(error.hint)}[/]")
        console.print(f"\nThen: belay brief check {path}")
        return
    console.print(f"\nIt can be used. Review it, then: belay brief check {path}")


def refuse_to_overwrite(path: Path) -> None:
    """UsageError where there is a file already."""
    if path.exists():
        raise UsageError(
            f"{path} exists", hint="Nothing is overwritten: give another path, or edit the file."
        )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "brief"


def interrupted(path: Path, console: Console) -> int:
    """Say where the answers are; the exit status."""
    console.print(f"\n\nStopped. Every answer is kept; go on with: belay brief new {path}")
    return _INTERRUPTED
