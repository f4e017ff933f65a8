"""The word table as it lies on disk and travels: from a worker, over Kafka, to the routers on other machines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from telemetry import topics
from telemetry.events.base import Event, Value

FORMAT: Final = "belay-word-table-1"
LARGEST: Final = 1 << 13
"""Largest weight: with the characters that are read of a prompt no sum of a lane's weights reaches 32 bits."""

Weight = Annotated[int, Field(ge=0, le=LARGEST)]


class TableFile(Value):
    """A word table as it lies on disk. `lead` is by how much the likeliest capability must lead to be named."""

    format: Literal["belay-word-table-1"] = FORMAT
    version: str
    capabilities: tuple[str, ...] = Field(min_length=2)
    lead: int = Field(ge=0)
    bias: tuple[Weight, ...]
    words: dict[str, tuple[Weight, ...]]

    @model_validator(mode="after")
    def _whole(self) -> TableFile:
        wide = len(self.capabilities)
        if len(set(self.capabilities)) != wide:
            raise ValueError("a capability is named twice")
        if len(self.bias) != wide or any(len(weights) != wide for weights in self.words.values()):
            raise ValueError(f"every word needs {wide} weights, one a capability")
        expected = version_of(self.capabilities, self.lead, self.bias, self.words)
        if self.version != expected:
            raise ValueError(f"version is {self.version!r}, its content has {expected!r}")
        return self


class WordTableMade(Event):
    """The word table of a worker's brief, by which routers choose shadows; no decision rests on it.

    `worker` is what the worker is called among several (`worker.name`): of each the latest table holds.
    """

    TYPE = "belay.word-table.made"
    TOPIC = topics.WORD_TABLES
    KEY = "worker"

    worker: str
    table: TableFile


def version_of(
    capabilities: Sequence[str], lead: int, bias: Sequence[int], weights: Mapping[str, Sequence[int]]
) -> str:
    """A name that changes whenever a tag may."""
    said = json.dumps(
        [list(capabilities), lead, list(bias), sorted((w, list(r)) for w, r in weights.items())]
    )
    return f"words@{hashlib.sha256(said.encode()).hexdigest()[:12]}"
