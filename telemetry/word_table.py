"""The word table: which capability a prompt belongs to, by its words alone, in a few microseconds.

The evaluator fits it (`evaluator.judge.tagging.word_tagger`) and a router reads it, so that shadows can go where they
are needed; neither imports the other. It steers shadows and nothing else: what an interaction is evidence for is
decided by the evaluator's own tagger.

A word has one whole number for each capability. They lie side by side in one Python integer, 32 bits each, so
that a sum over the words of a prompt adds all capabilities at once.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from telemetry.codec import explain
from telemetry.errors import UnreadableRecord
from telemetry.events.word_tables import LARGEST, TableFile, version_of
from telemetry.files import write_renamed

SCALE: Final = 256
"""Steps of a weight in one nat (a factor of e in the odds)."""
NOBODY: Final = ""
"""The name under which a table keeps prompts of no capability; it is never said."""
LONGEST: Final = 320
"""A prompt's request stands at its ends; of a longer prompt the first and the last half of this is read, so that no sum
of weights up to `LARGEST` reaches 32 bits."""
_HALF: Final = LONGEST // 2
_WORDS: Final = re.compile(r"[^\W\d_]+|\d").findall


__all__ = [
    "LARGEST",
    "TableFile",
    "WordTable",
    "parse_table",
    "read_table",
    "table_of",
    "words",
    "write_table",
]


def words(prompt: str) -> set[str]:
    """The words and digits of a prompt, in lower case; what the table looks at, once each."""
    if len(prompt) > LONGEST:
        prompt = f"{prompt[:_HALF]} {prompt[-_HALF:]}"
    return set(_WORDS(prompt.lower()))


class WordTable:
    """A table ready to tag. `version` is a hash of everything that its tags depend on."""

    __slots__ = ("_bias", "_lead", "_names", "_unpack", "_weights", "_wide", "version")

    def __init__(self, file: TableFile) -> None:
        self.version = file.version
        self._names = file.capabilities
        self._lead = file.lead
        self._wide = 4 * len(file.capabilities)
        lanes = struct.Struct(f"<{len(file.capabilities)}I")
        self._unpack = lanes.unpack
        self._bias = int.from_bytes(lanes.pack(*file.bias), "little")
        self._weights = {
            word: int.from_bytes(lanes.pack(*weights), "little") for word, weights in file.words.items()
        }

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What it tells apart."""
        return tuple(name for name in self._names if name != NOBODY)

    def tag(self, prompt: str) -> str | None:
        """The capability that a prompt belongs to; None for none, where no word is known or two are about as likely."""
        known = list(filter(None, map(self._weights.get, words(prompt))))
        if not known:
            return None
        lanes = self._unpack(sum(known, self._bias).to_bytes(self._wide, "little"))
        *_, second, best = sorted(lanes)
        return (self._names[lanes.index(best)] or None) if best - second >= self._lead else None


def table_of(
    capabilities: Sequence[str], lead: int, bias: Sequence[int], weights: Mapping[str, Sequence[int]]
) -> TableFile:
    """The table with these weights, under the version that they have."""
    named = {word: tuple(row) for word, row in sorted(weights.items())}
    return TableFile(
        version=version_of(capabilities, lead, bias, named),
        capabilities=tuple(capabilities),
        lead=lead,
        bias=tuple(bias),
        words=named,
    )


def write_table(path: Path, table: TableFile) -> None:
    """Put the table in place of the one before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_renamed(path, table.model_dump_json().encode())


def read_table(path: Path) -> WordTable | None:
    """The table in the file; None where there is no file. Raises UnreadableRecord."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return parse_table(content, path)


def parse_table(content: bytes, path: Path) -> WordTable:
    """The table in this content of the file at `path`. Raises UnreadableRecord."""
    try:
        return WordTable(TableFile.model_validate_json(content))
    except ValidationError as error:
        raise UnreadableRecord(
            f"{path} holds no word table: {explain(error)}",
            hint="`belay watch` writes it anew when it starts (worker.table_file).",
        ) from error
