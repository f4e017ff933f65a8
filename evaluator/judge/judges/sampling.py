"""Which interactions a judge is asked about, where it cannot be asked about all. Pure; no clock, no chance.

Whether an interaction is judged may depend on nothing that an arm did, else an arm could choose what is seen of it.
It follows from the interaction's id alone, which is there before any answer: whoever holds the record can check it.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final

_PERSON: Final = b"belay.judged"
_ANCHORED: Final = b"belay.anchored"
GRADABLE: Final = 0.5
"""People's grades are evidence for interactions whose lot is below; judged gaps of the others stand beside them."""


def sampled(interaction_id: str, fraction: float) -> bool:
    """Whether the interaction is among the `fraction` (in [0, 1]) that is judged; ValueError for another fraction.

    Samples are nested: what is judged at one fraction is judged at every larger one. They are independent of the arm
    and of the draw of shadows, which are other hashes. The chance of being judged, which scores are weighed by, is
    `fraction` itself.

    >>> [sampled("4f1c", fraction) for fraction in (0.0, 0.05, 0.1, 1.0)]
    [False, False, True, True]
    """
    if not 0.0 <= fraction <= 1.0 or math.isnan(fraction):
        raise ValueError(f"a fraction lies in [0, 1], got {fraction!r}")
    return lot(interaction_id) < fraction


def lot(interaction_id: str) -> float:
    """The interaction's lot: uniform in [0, 1) over ids, from the first 53 bits of a BLAKE2b digest."""
    return _uniform(interaction_id, _PERSON)


def anchor_lot(interaction_id: str) -> float:
    """Another lot of the interaction, independent of the first: whether its judge is asked about an anchor too."""
    return _uniform(interaction_id, _ANCHORED)


def _uniform(interaction_id: str, person: bytes) -> float:
    text = interaction_id.encode("utf-8", "surrogatepass")
    first = hashlib.blake2b(text, digest_size=8, person=person).digest()
    return (int.from_bytes(first, "big") >> 11) * 2.0**-53
