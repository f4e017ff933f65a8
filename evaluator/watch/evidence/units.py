"""The unit of randomisation is the unit of evidence: which interaction is a fresh draw, and at what odds.

A subject's arm is drawn once and kept, and its first scored interaction reveals it, whatever capability
that interaction belonged to. A second interaction is no new draw: its arm is known beforehand, so a bet on it
would count one coin toss twice (a user whose prompts are hard, drawn into the candidate arm, would look like
many failures). Hence one unit per subject over *all* capabilities, settled on its first scored interaction.

Shares only grow, and a subject's number u does not change: control at share s0 means u >= s0. When the share
has grown to s1, the subject is drawn anew with P(candidate) = P(u < s1 | u >= s0) = (s1 - s0)/(1 - s0).
"""

from __future__ import annotations

import base64
import hashlib
import sys
import zlib
from array import array
from collections.abc import Iterable

from telemetry.events import Assignment

FINGERPRINT_BYTES = 4
"""Kept of a subject or an event id. After 100,000 of them a new one is taken for an old one with chance
.00002, whatever its arm: that loses a unit now and then, and keeps snapshots small."""
WORD = "I"
"""The array type of that size on every machine that Python 3.11 supports."""
KNOWN = 1.0
"""The share kept for a subject of the candidate arm: no later share exceeds it, so it is drawn no more."""


def fingerprint(name: str) -> int:
    """A short hash of a subject or event id. The subject's own leading bytes would tell its arm."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=FINGERPRINT_BYTES).digest(), "big")


def pack(fingerprints: Iterable[int]) -> str:
    """Fingerprints as text for a snapshot: sorted, by columns (leading bytes repeat), compressed, base64."""
    words = array(WORD, sorted(fingerprints))
    if sys.byteorder == "little":
        words.byteswap()
    raw = words.tobytes()
    columns = b"".join(raw[column::FINGERPRINT_BYTES] for column in range(FINGERPRINT_BYTES))
    return base64.b64encode(zlib.compress(columns, 6)).decode("ascii")


def unpack(text: str) -> list[int]:
    """The fingerprints that `pack` wrote."""
    columns = zlib.decompress(base64.b64decode(text))
    count = len(columns) // FINGERPRINT_BYTES
    raw = bytearray(len(columns))
    for column in range(FINGERPRINT_BYTES):
        raw[column::FINGERPRINT_BYTES] = columns[column * count : (column + 1) * count]
    words = array(WORD, bytes(raw))
    if sys.byteorder == "little":
        words.byteswap()
    return words.tolist()


class Units:
    """Remembers, per subject, the largest share at which it was control, or that it is a candidate."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}

    def draw(self, assignment: Assignment) -> float | None:
        """P(candidate) of this subject's draw given the past, or None where the arm was already certain.

        Call it once for every interaction that the table is about, in the order of the log; it remembers the subject.
        A subject without identity (source `request`) never comes back and is not kept.
        """
        share = assignment.share
        if assignment.subject_source == "request":
            return share if 0.0 < share < 1.0 else None
        subject = fingerprint(assignment.subject)
        seen = self._seen.get(subject)
        now = KNOWN if assignment.arm == "candidate" else share
        if seen is None:
            self._seen[subject] = now
            pi = share
        else:
            if now > seen:
                self._seen[subject] = now
            if share <= seen:
                return None
            pi = (share - seen) / (1.0 - seen)
        return pi if 0.0 < pi < 1.0 else None

    def __len__(self) -> int:
        return len(self._seen)

    def to_dict(self) -> dict[str, str]:
        """Share -> packed fingerprints, for a snapshot (about 3 characters a subject)."""
        groups: dict[float, list[int]] = {}
        for subject, share in self._seen.items():
            groups.setdefault(share, []).append(subject)
        return {repr(share): pack(groups[share]) for share in sorted(groups)}

    @classmethod
    def from_dict(cls, groups: dict[str, str]) -> Units:
        """The units that `to_dict` wrote."""
        new = cls()
        for share, packed in groups.items():
            new._seen.update(dict.fromkeys(unpack(packed), float(share)))
        return new
