"""Whom the evidence has met, and at which share: a memory of bounded size with one-sided errors.

It forgets nobody. A new subject may be taken for a known one, about 1 in 1,000 to 5,000 (`Filter`), by a hash that
knows nothing of its arm: that costs a unit and never the guarantee, since a subject that was really drawn at the share
for which it is taken has a number u at or above that share, and one that has not is no unit (`units.odds`).

A `Filter` is a Bloom filter (Bloom 1970) whose bits for one subject lie in one block of 64 bytes (Putze, Sanders and
Singler 2007): one look a filter. When one is full the next begins, four times as large up to 16 MB; each new share
begins with a new one. 100 million subjects take 240 MB. Beyond `limit` subjects every other one is left out, by its
hash, then every other of those that are left, and so on: whoever is left out is no unit from then on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES: Final = 64
BITS_A_SUBJECT: Final = 18.5
SMALLEST: Final = 1 << 17
"""Bits of a first filter: 16 kB, 7,085 subjects."""
LARGEST: Final = 1 << 27
"""Bits of a filter at most: 16 MB, 7.3 million subjects."""
GROWTH: Final = 4
LEFT_OUT: Final = 1.0
"""The share that stands for whoever is not to be drawn any more."""
_ALL: Final = (1 << 64) - 1
# Odd 64-bit constants (Knuth's and Murmur's): products that spread a hash over blocks, and over the bits of a block.
_SPREAD: Final = 0x9E3779B97F4A7C15
_MIX: Final = 0xC4CEB9FE1A85EC53


class Met(NamedTuple):
    """A subject as the memory knows it. `bits` are its seven in a block."""

    hash: int
    spread: int
    bits: int


def met(hashed: int) -> Met:
    """The subject with this hash."""
    at = hashed * _MIX & _ALL
    bits = (
        1 << (at & 511)
        | 1 << (at >> 9 & 511)
        | 1 << (at >> 18 & 511)
        | 1 << (at >> 27 & 511)
        | 1 << (at >> 36 & 511)
        | 1 << (at >> 45 & 511)
        | 1 << (at >> 54 & 511)
    )
    return Met(hashed, hashed * _SPREAD & _ALL, bits)


def hashed(subject: str) -> int:
    """A hash of 64 bits. The subject's own leading bytes would tell its arm."""
    return int.from_bytes(hashlib.blake2b(subject.encode(), digest_size=8).digest(), "big")


class Filter:
    """Subjects met at one share, up to `room` of them."""

    __slots__ = ("_bytes", "_shift", "count", "room", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.room = int(size / BITS_A_SUBJECT)
        self.count = 0
        self._shift = 64 - (size // (8 * BLOCK_BYTES)).bit_length() + 1
        self._bytes = bytearray(size // 8)

    def __contains__(self, subject: Met) -> bool:
        at = (subject.spread >> self._shift) * BLOCK_BYTES
        bits = subject.bits
        return int.from_bytes(self._bytes[at : at + BLOCK_BYTES], "little") & bits == bits

    def add(self, subject: Met) -> None:
        """Remember one more."""
        at = (subject.spread >> self._shift) * BLOCK_BYTES
        block = int.from_bytes(self._bytes[at : at + BLOCK_BYTES], "little") | subject.bits
        self._bytes[at : at + BLOCK_BYTES] = block.to_bytes(BLOCK_BYTES, "little")
        self.count += 1

    def add_all(self, hashes: NDArray[np.uint64]) -> None:
        """The same for many hashes at once; the bits are those that `add` would set."""
        words = np.frombuffer(self._bytes, dtype=np.uint8)
        block = (hashes * np.uint64(_SPREAD) >> np.uint64(self._shift)).astype(np.int64) * BLOCK_BYTES
        at = hashes * np.uint64(_MIX)
        for step in range(7):
            bit = (at >> np.uint64(9 * step) & np.uint64(511)).astype(np.int64)
            np.bitwise_or.at(words, block + (bit >> 3), np.left_shift(1, bit & 7).astype(np.uint8))
        self.count += len(hashes)


@dataclass(slots=True)
class _AtShare:
    """The filters of one share, oldest first."""

    share: float
    filters: list[Filter]


@dataclass(slots=True)
class Memory:
    """The highest share at which each subject was met. Shares only grow; a late smaller one counts as the present."""

    limit: int
    count: int = 0
    _shares: list[_AtShare] = field(default_factory=list)
    _left_out: int = 0

    def share_of(self, subject: Met) -> float:
        """The share at which the subject was last met, 0.0 if never; `LEFT_OUT` for whoever is not looked at."""
        if subject.hash & self._left_out:
            return LEFT_OUT
        for at in reversed(self._shares):
            for filter_ in reversed(at.filters):
                if subject in filter_:
                    return at.share
        return 0.0

    def meet(self, subject: Met, share: float) -> None:
        """Remember that the subject was met at this share; asked before, `share_of` said less."""
        self._open(share).add(subject)
        self._counted(1)

    def meet_all(self, hashes: NDArray[np.uint64], share: float) -> None:
        """As `meet` for each of them in turn, to the same bits."""
        while len(hashes):
            into = self._open(share)
            # A thinning in the middle must not come later than it came when these were met one by one.
            now = hashes[: min(into.room - into.count, self._until_thinner())]
            into.add_all(now)
            self._counted(len(now))
            hashes = hashes[len(now) :]

    @property
    def taken_bytes(self) -> int:
        """Memory that the filters take, in bytes."""
        return sum(filter_.size // 8 for at in self._shares for filter_ in at.filters)

    def _open(self, share: float) -> Filter:
        """The filter that takes the next subject."""
        if not self._shares or share > self._shares[-1].share:
            self._shares.append(_AtShare(share, [Filter(SMALLEST)]))
        filters = self._shares[-1].filters
        if filters[-1].count >= filters[-1].room:
            filters.append(Filter(min(filters[-1].size * GROWTH, LARGEST)))
        return filters[-1]

    def _until_thinner(self) -> int:
        """Subjects until the next half is left out."""
        halvings = self._left_out.bit_length()
        return self.limit + halvings * (self.limit // 2) - self.count

    def _counted(self, many: int) -> None:
        self.count += many
        if self._until_thinner() <= 0:
            self._left_out = self._left_out << 1 | 1


def in_order(
    hashes: NDArray[np.uint64], numbers: NDArray[np.uint8], shares: Sequence[float], memory: Memory
) -> None:
    """Fill an empty memory with subjects, each met at `shares[number]`, in the order of their meeting."""
    begins = np.flatnonzero(np.diff(numbers)) + 1
    edges = [0, *begins.tolist(), len(numbers)]
    for begin, end in pairwise(edges):
        if end > begin:
            memory.meet_all(hashes[begin:end], shares[int(numbers[begin])])
