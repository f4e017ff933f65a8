"""The unit of randomisation is the unit of evidence: which interaction is a fresh draw, and at what odds.

A subject's arm is drawn once and kept, and its first scored interaction reveals it, whatever capability
that interaction belonged to. A second interaction is no new draw: its arm is known beforehand, so a bet on it
would count one coin toss twice (a user whose prompts are hard, drawn into the candidate arm, would look like
many failures). Hence one unit per subject over *all* capabilities, settled on its first scored interaction.

Shares only grow, and a subject's number u does not change: control at share s0 means u >= s0. When the share
has grown to s1, the subject is drawn anew with P(candidate) = P(u < s1 | u >= s0) = (s1 - s0)/(1 - s0).

Three things are counted a subject, each with a memory of its own of whom it has met (`memory`): its assignment, by the
first interaction; whether scores are missing, by the first that was to be scored; quality, by the first scored one.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any, Final, Literal

import numpy as np

from evaluator.watch.evidence.memory import LEFT_OUT, Memory, hashed, in_order, met
from telemetry.errors import UnreadableRecord
from telemetry.events import Assignment
from telemetry.subjects import unit_of

Table = Literal["assigned", "asked", "scored"]
LIMITS: Final[dict[Table, int]] = {"assigned": 4_000_000, "asked": 4_000_000, "scored": 100_000_000}
"""Subjects remembered before some are left out (`memory.Memory`). Four million draws tell any fault of assignment."""
ENTRY: Final = np.dtype([("hash", ">u8"), ("share", "u1"), ("tables", "u1")])
"""How a meeting is written down; `share` is a number into the shares, `tables` has a bit for each table."""
MOST_SHARES: Final = 250
_BIT: Final[dict[Table, int]] = {"assigned": 1, "asked": 2, "scored": 4}
_pack_entry: Final = struct.Struct(">QBB").pack


class Drawn:
    """One interaction's subject while it is settled; `tables` are those in which it was met just now."""

    __slots__ = ("identity", "share", "tables", "u")

    def __init__(self, assignment: Assignment) -> None:
        self.share = assignment.share
        # A request without a subject never comes back, and is not kept.
        self.identity = None if assignment.subject_source == "request" else met(hashed(assignment.subject))
        self.u = _number(assignment.subject)
        self.tables = 0


def _number(subject: str) -> float | None:
    """The subject's number; None where it is no digest, as of a router that is not ours."""
    try:
        return unit_of(subject)
    except ValueError:
        return None


def odds(known: float, share: float, u: float | None) -> float | None:
    """P(candidate) of a draw at `share` of a subject last met at `known` (0.0: never); None where it is none.

    A subject whose number lies below `known` was the candidate's then, or never met and taken for another that was
    (`memory`); without its number nobody can tell. For all others the draw is as fair as it says either way:
    P(u < share | u >= known), since what takes one subject for another does not depend on u.
    """
    if share <= known or (known > 0.0 and (u is None or u < known)):
        return None
    pi = (share - known) / (1.0 - known)
    return pi if 0.0 < pi < 1.0 else None


class Draws:
    """Remembers for each of `TABLES` the share at which each subject was last drawn.

    What it remembers is written down in the order in which it happened: `taken` gives what came since the last time,
    and `restored` makes the same memories of all of it.
    """

    __slots__ = ("_digest", "_entries", "_memories", "_numbers", "count")

    def __init__(self) -> None:
        self._memories = {table: Memory(limit) for table, limit in LIMITS.items()}
        self._entries = bytearray()
        self._digest = hashlib.sha256()
        self._numbers: dict[float, int] = {}
        self.count = 0

    def draw(self, table: Table, who: Drawn) -> float | None:
        """P(candidate) of this subject's draw given the past, or None where the arm was already certain.

        Call it once for every interaction that the table is about, in the order of the log; it remembers the subject.
        """
        share = who.share
        if who.identity is None:
            return share if 0.0 < share < 1.0 else None
        memory = self._memories[table]
        known = memory.share_of(who.identity)
        if share > known:
            memory.meet(who.identity, self._kept(share))
            who.tables |= _BIT[table]
        return odds(known, share, who.u)

    def note(self, who: Drawn) -> None:
        """Write down in which tables this interaction's subject was met, if in any. Once an interaction, at its end."""
        if not who.tables or who.identity is None:
            return
        entry = _pack_entry(who.identity.hash, self._numbers[self._kept(who.share)], who.tables)
        self._entries += entry
        self._digest.update(entry)
        self.count += 1

    def taken(self) -> bytes:
        """The entries that were written down since the last call, `ENTRY` each."""
        entries, self._entries = bytes(self._entries), bytearray()
        return entries

    @property
    def size(self) -> int:
        """Memory that the tables take, in bytes."""
        return sum(memory.taken_bytes for memory in self._memories.values())

    def to_dict(self) -> dict[str, Any]:
        """What tells for a snapshot which entries belong to it: their number, the shares they name, their hash."""
        return {"entries": self.count, "shares": list(self._numbers), "sha256": self._digest.hexdigest()}

    @classmethod
    def restored(cls, state: dict[str, Any], entries: bytes) -> Draws:
        """The draws that `to_dict` wrote, with all entries from the first on. Raises UnreadableRecord."""
        new = cls()
        new.count = int(state["entries"])
        new._digest.update(entries)
        if len(entries) != new.count * ENTRY.itemsize or new._digest.hexdigest() != state["sha256"]:
            raise UnreadableRecord(
                f"a snapshot counts on {new.count} entries about subjects, and {len(entries)} bytes came of them, "
                f"expected {new.count * ENTRY.itemsize} with the hash {state['sha256']}"
            )
        shares = [float(share) for share in state["shares"]]
        new._numbers = {share: number for number, share in enumerate(shares)}
        rows = np.frombuffer(entries, ENTRY)
        for table, memory in new._memories.items():
            mine = rows[rows["tables"] & _BIT[table] > 0]
            in_order(mine["hash"].astype(np.uint64), mine["share"], shares, memory)
        return new

    def _kept(self, share: float) -> float:
        """The share as it is remembered. Beyond `MOST_SHARES` it is 1: whoever is met then is drawn no more."""
        if share not in self._numbers:
            if len(self._numbers) >= MOST_SHARES:
                share = LEFT_OUT
            self._numbers.setdefault(share, len(self._numbers))
        return share
