"""Which scores were folded already, by where their interactions came from: a watermark and a small window a source.

Whatever is sent twice is sent again in its order: a forwarder that died sends its last batch once more, a scorer that
died reads again from what was committed. So within one partition the places of one spool only grow, but for records of
one batch whose order a broker's error turned; what lies below the window came before. Where a record names no spool its
own offset is the place, and where it names none its event id is looked up among the last `IDS`.

An interaction whose shadow did not come in time was folded alone, at a place of a source of its own (`ALONE`). Where
its scorer dies before it has committed that, its late answer may be there when it is read again, and makes a pair of it
at another place: so interactions that were folded alone are remembered by their ids, the last `IDS` of them, and no
pair of theirs is new.

Bounded: `SOURCES` sources of `WINDOW` places. A spool that comes back after so many others have written since may count
what it sends again a second time.
"""

from __future__ import annotations

import hashlib
import itertools
from bisect import bisect_left, insort
from typing import Any, Final

from telemetry.events import ScoreRecorded

WINDOW: Final = 128
SOURCES: Final = 1_024
IDS: Final = 1_024
ALONE: Final = "-alone"
"""Ends the name of a source whose interactions went on without the shadow that was drawn for them."""
SEGMENT_BITS: Final = 40
"""A segment is far smaller than 2^40 bytes, so that segment and offset are one number."""
_ALONE_ID: Final = "alone/"  # an interaction's id behind it is no event's


class Seen:
    """The places that were folded. `add` every score in the order of the log."""

    __slots__ = ("_ids", "_places")

    def __init__(self) -> None:
        self._places: dict[str, list[int]] = {}
        self._ids: dict[int, None] = {}

    def add(self, score: ScoreRecorded) -> bool:
        """Whether this score is new; it is remembered."""
        found = _place(score)
        if found is None:
            return self._add_id(score.event_id)
        source, place = found
        new = self._add_place(source, place)
        if is_alone(score):
            self._add_id(_ALONE_ID + score.interaction_id)
        elif score.draw is not None and score.draw.drawn and self._ids:
            new = new and _short(_ALONE_ID + score.interaction_id) not in self._ids
        return new

    def _add_place(self, source: str, place: int) -> bool:
        places = self._places.get(source)
        if places is None:
            self._places[source] = [place]
            if len(self._places) > SOURCES:
                self._forget_one()
            return True
        if place > places[-1]:
            places.append(place)
        else:
            at = bisect_left(places, place)
            if places[at] == place or (at == 0 and len(places) >= WINDOW):
                return False
            insort(places, place)
        if len(places) >= 2 * WINDOW:  # cutting each time would move the whole window for every score
            del places[:-WINDOW]
            self._places[source] = self._places.pop(
                source
            )  # those that still write are the last to be forgotten
        return True

    def _add_id(self, event_id: str) -> bool:
        short = _short(event_id)
        if short in self._ids:
            return False
        self._ids[short] = None
        if len(self._ids) > IDS:
            del self._ids[next(iter(self._ids))]
        return True

    def _forget_one(self) -> None:
        """Let go of the source that has not filled a window for longest."""
        del self._places[next(iter(self._places))]

    def to_dict(self) -> dict[str, Any]:
        """Every number, for a snapshot: of each source the first place and the steps from each to the next."""
        steps = {
            source: [places[0], *(b - a for a, b in itertools.pairwise(places))]
            for source, places in self._places.items()
        }
        return {"places": steps, "ids": list(self._ids)}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Seen:
        """What `to_dict` wrote."""
        new = cls()
        for source, steps in state["places"].items():
            at, places = 0, []
            for step in steps:
                at += int(step)
                places.append(at)
            new._places[str(source)] = places
        new._ids = dict.fromkeys(int(short) for short in state["ids"])
        return new


def is_alone(score: ScoreRecorded) -> bool:
    """Whether the score's interaction went on without the shadow that was drawn for it."""
    return score.spooled is not None and score.spooled.spool.endswith(ALONE)


def _short(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def _place(score: ScoreRecorded) -> tuple[str, int] | None:
    """The score's source, and its place there, which grows with each record of the source."""
    logged, spooled = score.logged, score.spooled
    if logged is None:
        return None
    if spooled is None:
        return f"log/{logged.partition}", logged.offset
    return f"{spooled.spool}/{logged.partition}", spooled.segment << SEGMENT_BITS | spooled.offset
