"""Reads training data in the forms in which it lies about: JSONL, Parquet, FLAN's chain-of-thought TSVs.

All become dialogues. A row that cannot be one is an error that names the file, the row and what was expected.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from telemetry.errors import UsageError
from trainer.config import ANSWER_PHRASE, SourceSettings, TrainSettings
from trainer.data.dialogues import Dialogue, Source, data_sha256, dialogue_of

TARGET: Final = "target"
"""The name of the source that holds the target's data."""

_ENDINGS: Final = {".jsonl": "jsonl", ".parquet": "parquet", ".tsv": "tsv"}
_EXPECTED: Final = "`messages` (a list of `role` and `content`), or `prompt` and `response`"
_TSV: Final = ("question", "answer", "rationale")


def load_sources(settings: TrainSettings) -> list[Source]:
    """The target's data, with what the others leave it of every batch, and after it each source of the mix.

    Raises UsageError that names file and row of what cannot be read.
    """
    taken = sum(source.share for source in settings.mix)
    taken += settings.rehearsal.share if settings.rehearsal else 0.0
    if taken == 0.0:
        return [_read(settings.data, TARGET, 1.0)]
    # Rounded: 1 - 0.9 is not 0.1 in binary, and the share is shown.
    target = _read(settings.data, TARGET, round(1.0 - taken, 9))
    return [target, *(load_source(one, name) for one, name in _named(settings.mix))]


def load_source(settings: SourceSettings, name: str) -> Source:
    """One source of the mix. Raises UsageError as `load_sources`."""
    source = _read(settings.path, name, settings.share, settings.format, settings.answer_phrase)
    return replace(source, dialogues=_spread(source.dialogues, settings.limit))


def _read(
    path: Path, name: str, share: float, form: str = "auto", answer_phrase: str = ANSWER_PHRASE
) -> Source:
    if not path.is_file():
        raise UsageError(f"no training data at {path}", hint="Give a JSONL, Parquet or TSV file.")
    dialogues = tuple(_reader(path, form, answer_phrase)(path))
    if not dialogues:
        raise UsageError(f"{path} has no dialogues")
    return Source(name=name, share=share, dialogues=dialogues, sha256=data_sha256(path))


def read_jsonl(path: Path) -> Iterator[Dialogue]:
    """One JSON object a line: a dialogue, or `prompt` and `response` beside whatever else it has."""
    for where, line in lines_of(path):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UsageError(f"{where}: not valid JSON: {error}", hint=f"Expected {_EXPECTED}.") from error
        if not isinstance(row, dict):
            raise UsageError(f"{where}: expected an object with {_EXPECTED}, found {type(row).__name__}")
        yield _dialogue(row, where)


def read_parquet(path: Path) -> Iterator[Dialogue]:
    """A column `messages`, or the columns `prompt` and `response`; other columns are passed over."""
    from pyarrow import ArrowInvalid, parquet  # noqa: PLC0415 - heavy, and only this format needs it

    try:
        file = parquet.ParquetFile(path)
    except ArrowInvalid as error:
        raise UsageError(f"{path} is not Parquet: {error}") from error
    names = file.schema_arrow.names
    wanted = [name for name in ("messages",) if name in names] or ["prompt", "response"]
    if not set(wanted) <= set(names):
        raise UsageError(f"{path}: expected the column {_EXPECTED}, found {', '.join(names)}")
    number = 0
    for batch in file.iter_batches(columns=wanted):
        for row in batch.to_pylist():
            number += 1
            yield _dialogue(row, f"{path}, row {number}")


def read_tsv(path: Path, answer_phrase: str) -> Iterator[Dialogue]:
    r"""FLAN's chain-of-thought files: question, answer and rationale, a tab between them, no header, no quoting.

    A line break within a field is written `\n`. The assistant says the rationale and, on a line of its own,
    `answer_phrase` with the answer in it.
    """
    for where, line in lines_of(path):
        fields = [field.replace("\\n", "\n").strip() for field in line.split("\t")]
        if len(fields) != len(_TSV):
            raise UsageError(
                f"{where}: expected {', '.join(_TSV)} with tabs between, found {len(fields)} fields"
            )
        empty = [name for name, field in zip(_TSV, fields, strict=True) if not field]
        if empty:
            raise UsageError(f"{where}: {' and '.join(empty)} empty; expected {', '.join(_TSV)}")
        question, answer, rationale = fields
        said = f"{rationale}\n{answer_phrase.replace('{answer}', answer)}"
        yield _turns(question, said, where)


def _reader(path: Path, form: str, answer_phrase: str) -> Callable[[Path], Iterator[Dialogue]]:
    if form == "auto" and path.suffix not in _ENDINGS:
        raise UsageError(
            f"{path}: the ending {path.suffix!r} names no format; known are {', '.join(_ENDINGS)}",
            hint="Rename the file, or say under 'mix' which it is with 'format'.",
        )
    found = _ENDINGS[path.suffix] if form == "auto" else form
    if found == "tsv":
        return lambda path: read_tsv(path, answer_phrase)
    return read_parquet if found == "parquet" else read_jsonl


def lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """Where each line stands, and the line; blank ones are passed over. Raises UsageError where it is not UTF-8.

    Not by splitlines: it would also split at separators that JSON allows inside its strings.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error}") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"{path}, line {number}", line.removesuffix("\r")


def _dialogue(row: dict[str, Any], where: str) -> Dialogue:
    if row.get("messages") is not None:
        said = row["messages"]
        if not isinstance(said, list):
            raise UsageError(f"{where}: 'messages' is {type(said).__name__}, expected a list of turns")
        return dialogue_of({"messages": [_present(turn) for turn in said]}, where)
    if not all(isinstance(row.get(name), str) for name in ("prompt", "response")):
        found = ", ".join(f"{name} ({type(value).__name__})" for name, value in row.items()) or "nothing"
        raise UsageError(f"{where}: expected {_EXPECTED}, both text; found {found}")
    return _turns(row["prompt"], row["response"], where)


def _present(turn: Any) -> Any:
    """The turn without the fields that Parquet fills up with nulls."""
    return {k: v for k, v in turn.items() if v is not None} if isinstance(turn, dict) else turn


def _turns(prompt: str, response: str, where: str) -> Dialogue:
    empty = [name for name, text in (("prompt", prompt), ("response", response)) if not text.strip()]
    if empty:
        raise UsageError(f"{where}: {' and '.join(empty)} empty, so there is nothing to learn from it")
    turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
    return dialogue_of({"messages": turns}, where)


def _spread(dialogues: tuple[Dialogue, ...], limit: int | None) -> tuple[Dialogue, ...]:
    """At most `limit` of them, evenly over the file: files are often sorted."""
    if limit is None or limit >= len(dialogues):
        return dialogues
    return tuple(dialogues[number * len(dialogues) // limit] for number in range(limit))


def _named(mix: tuple[SourceSettings, ...]) -> Iterator[tuple[SourceSettings, str]]:
    """Each source with its file's name, numbered where another has the same."""
    seen: dict[str, int] = {}
    for source in mix:
        seen[source.path.name] = seen.get(source.path.name, 0) + 1
        count = seen[source.path.name]
        yield source, source.path.name if count == 1 else f"{source.path.name} ({count})"
