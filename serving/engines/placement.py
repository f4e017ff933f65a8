"""The GPUs that the driver lists, and which engine has which of them with how much of its memory.

The decision is a pure function of what the driver says; nothing here loads CUDA. Unverified on a GPU.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from telemetry.errors import UsageError

Device = Literal["cpu", "cuda"]

VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
_QUERY: Final = "index,uuid,name,compute_cap"
_SHARED: Final = 0.9
"""Of a GPU's memory, what engines that share it have together; the rest is theirs that no share counts."""
_BFLOAT16: Final = (8, 0)  # compute capability from which on a GPU computes in it
_DRIVER_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU. `token` names it in CUDA_VISIBLE_DEVICES; `capability` is None where the driver does not say."""

    token: str
    uuid: str
    name: str
    capability: tuple[int, int] | None = None

    @property
    def dtype(self) -> str:
        """In what an engine computes there: bfloat16 where the GPU has it, else float16; unknown, vLLM decides."""
        if self.capability is None:
            return "auto"
        return "bfloat16" if self.capability >= _BFLOAT16 else "float16"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine runs: on the CPU, or on the GPU that `gpu` names in CUDA_VISIBLE_DEVICES (the first where None).

    `memory` is how much of a GPU's memory it may take (vLLM's own default where None), so that two engines fit one.
    """

    device: Device = "cpu"
    gpu: str | None = None
    memory: float | None = None
    dtype: str = "bfloat16"


def placement(engines: int, cards: Sequence[Card], memory: float | None = None) -> list[Place]:
    """Where each of so many engines runs, in their order: a GPU each where there are enough, else they share.

    `memory` is each engine's share, where somebody said one. Otherwise an engine that has a GPU alone takes what vLLM
    takes, and those that share one divide it evenly. Without cards all are on the CPU.

    Raises UsageError where shares that were said do not fit.

    >>> card = Card("0", "GPU-1", "H200", (9, 0))
    >>> [place.memory for place in placement(2, [card])]
    [0.45, 0.45]
    """
    if not cards:
        return [Place(memory=memory)] * engines
    places = []
    for engine in range(engines):
        card = cards[engine % len(cards)]
        there = len(range(engine % len(cards), engines, len(cards)))
        if memory is not None and there * memory > 1.0:
            raise UsageError(
                f"{there} engines with {memory:g} of the memory each do not fit GPU {card.token} ({card.name})",
                hint=f"Say at most {_SHARED / there:.2f}, or nothing: they divide it then.",
            )
        shared = round(_SHARED / there, 2) if there > 1 else None
        places.append(Place("cuda", card.token, shared if memory is None else memory, card.dtype))
    return places


def driver_cards() -> tuple[Card, ...]:
    """The GPUs that `nvidia-smi` lists; none where there is no driver or it does not answer."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        said = subprocess.run(
            [tool, f"--query-gpu={_QUERY}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_DRIVER_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return parsed(said.stdout)


def parsed(said: str) -> tuple[Card, ...]:
    """The GPUs in the driver's answer, a line each: `index, uuid, name, compute capability`.

    >>> parsed("0, GPU-1, NVIDIA H200, 9.0")[0].capability
    (9, 0)
    """
    found = []
    for line in said.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4 and fields[0].isdigit():
            index, uuid, name, capability = fields
            found.append(Card(index, uuid, name, _capability(capability)))
    return tuple(found)


def _capability(said: str) -> tuple[int, int] | None:
    major, _, minor = said.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def visible_cards(cards: Sequence[Card], said: str | None) -> tuple[Card, ...]:
    """Of all GPUs those that CUDA_VISIBLE_DEVICES leaves, in its order and under its names; all where it is not set.

    As CUDA reads it: indices or the beginnings of UUIDs, and the first that is no GPU ends the list.
    """
    if said is None:
        return tuple(cards)
    found = []
    for token in (part.strip() for part in said.split(",")):
        card = next((card for card in cards if token == card.token or _begins(card, token)), None)
        if card is None and token.startswith("MIG-") and cards:
            card = replace(
                cards[0], name=f"a part of {cards[0].name}"
            )  # nvidia-smi's query does not list parts
        if card is None:
            break
        found.append(replace(card, token=token))
    return tuple(found)


def _begins(card: Card, token: str) -> bool:
    return token.startswith("GPU-") and card.uuid.startswith(token)


def cards() -> tuple[Card, ...]:
    """The GPUs that a process started from this one would see."""
    return visible_cards(driver_cards(), os.environ.get(VISIBLE))
