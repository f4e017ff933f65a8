"""The files that a brief names: read, checked for being there, and bound by one hash."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any, Final, Literal

from evaluator.briefs.borrowing import borrowed
from evaluator.briefs.items import Item, PlacedItem, read_items
from evaluator.briefs.problems import Problem, capability_name
from evaluator.briefs.schema import UNFILLED

_MISSING: Final = "(the file of exemplars is missing)"
_ONE_A_LINE: Final = "Name a text file with one prompt a line, or give the prompts themselves as a list."
_DIALOGUES: Final = (
    'One dialogue a line: {"messages": [{"role": "user", "content": "..."}, '
    '{"role": "assistant", "content": "..."}]}.'
)
_QUESTIONS: Final = "mt_bench_questions"
_BESIDE: Final[dict[str, tuple[Literal["file", "folder"], str]]] = {
    "lm_eval_tasks": ("folder", "A folder of lm-eval task files, as lm-eval's --include_path takes it."),
    _QUESTIONS: ("file", "MT-Bench's question.jsonl, with its reference answers beside it."),
    "judge_suite": ("file", "JSONL of answers known to be good or bad."),
}
"""What else a brief may name; what of it changes, changes the brief's hash."""


class BriefFiles:
    """The files that a brief names: what they hold, the hash over them, and what is wrong with them.

    It reads what a brief says before anybody knows whether the brief is valid, so that a missing file and a
    misspelt key are told together.
    """

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        self.digest = hashlib.sha256()
        self.problems: list[Problem] = []

    def add(self, content: bytes) -> None:
        """Take a file into the hash, its length before it: two files are not one that is as long as both."""
        self.digest.update(f"{len(content)}\0".encode() + content)

    def with_exemplars(self, data: dict[str, Any]) -> dict[str, Any]:
        """The brief's data with the prompts in place of each file name that `exemplars` gives."""
        data = copy.deepcopy(data)
        for number, capability in _mappings(data):
            name = capability.get("exemplars")
            if not isinstance(name, str):
                continue
            who = capability_name(data, number)
            text = self._text(self.folder / name, f"{who}: its exemplars file", _ONE_A_LINE)
            lines = [line.strip() for line in text.splitlines() if line.strip()] if text is not None else None
            capability["exemplars"] = [_MISSING] if lines is None else lines
        return data

    def items(self, data: dict[str, Any]) -> dict[str, tuple[PlacedItem, ...]]:
        """The items of every capability that names a file of them, by capability name."""
        found: dict[str, tuple[PlacedItem, ...]] = {}
        for number, capability in _mappings(data):
            name, who = capability.get("items"), capability_name(data, number)
            if not isinstance(name, str):
                continue
            text = self._text(self.folder / name, f"{who}: its items file")
            if text is not None:
                key = str(capability.get("name", number))
                found[key], wrong = read_items(text, self.folder / name, key)
                self.problems += wrong
        return found

    def beside(self, data: dict[str, Any]) -> None:
        """Training data, benchmark tasks and questions, judge suite: there, and, training data aside, in the hash."""
        training = data.get("training")
        if isinstance(training, str) and not (self.folder / training).is_file():
            said = f"'training' names {training}, which does not exist in {self.folder}"
            self.problems.append(Problem(said, _DIALOGUES))
        for key, (kind, hint) in _BESIDE.items():
            name = data.get(key)
            if key == _QUESTIONS and name is None and (asking := _asks_mt_bench(data)):
                self.problems.append(Problem(f"{asking} names MT-Bench, and {key!r} names no file", hint))
            if not isinstance(name, str):
                continue
            place = self.folder / name
            if not (place.is_file() if kind == "file" else place.is_dir()):
                self.problems.append(
                    Problem(f"{key!r} names {name}, which is no {kind} in {self.folder}", hint)
                )
                continue
            if kind == "file":
                self.add(place.read_bytes())
            for file in sorted(_sources(place)) if kind == "folder" else ():
                self.add(file.relative_to(place).as_posix().encode())
                self.add(file.read_bytes())

    def _text(self, file: Path, what: str, hint: str = "") -> str | None:
        """The text of a file, which joins the hash; None, and a problem, where it cannot be read."""
        if not file.is_file():
            self.problems.append(Problem(f"{what} {file} does not exist", hint))
            return None
        raw = file.read_bytes()
        self.add(raw)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            self.problems.append(Problem(f"{what} {file} is not UTF-8: {error}"))
            return None


def _asks_mt_bench(data: dict[str, Any]) -> str:
    """The first capability that has an MT-Bench category among its benchmarks; nothing where none has."""
    for number, capability in _mappings(data):
        benchmarks = capability.get("benchmarks")
        for one in benchmarks if isinstance(benchmarks, list) else []:
            if isinstance(one, dict) and one.get("mt_bench") is not None:
                return capability_name(data, number)
    return ""


def with_borrowed(
    data: dict[str, Any], items: dict[str, tuple[Item, ...]]
) -> tuple[dict[str, Any], dict[str, tuple[Item, ...]], dict[str, int]]:
    """The data with exemplars where a capability has none, the items without those taken, and how many each gave."""
    data, left, gave = copy.deepcopy(data), dict(items), {}
    for number, capability in _mappings(data):
        name = str(capability.get("name", number))
        if capability.get("exemplars") is not None or name not in items:
            continue
        taken = borrowed(items[name])
        if not taken:
            continue
        capability["exemplars"] = [item.prompt for item in taken]
        left[name] = tuple(item for item in items[name] if item not in taken)
        gave[name] = len(taken)
    return data, left, gave


def _sources(folder: Path) -> list[Path]:
    """The files of a folder; what Python leaves behind when it runs them is none of its sources."""
    return [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]


def exemplars_in(data: dict[str, Any]) -> dict[str, list[str]]:
    """The prompts of every capability that has some, by its name."""
    found: dict[str, list[str]] = {}
    for number, capability in _mappings(data):
        prompts = capability.get("exemplars")
        texts = [p for p in prompts if isinstance(p, str)] if isinstance(prompts, list) else []
        told = [p for p in texts if p != _MISSING and not p.startswith(UNFILLED)]
        found[str(capability.get("name", number))] = told
    return found


def _mappings(data: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The capabilities that are mappings, with their numbers; the schema tells of the others."""
    capabilities = data.get("capabilities")
    listed = enumerate(capabilities if isinstance(capabilities, list) else [])
    return [(number, one) for number, one in listed if isinstance(one, dict)]
