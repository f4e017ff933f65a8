"""Both arms of a pair draw their tokens with the same noise: one seed for the two, where the client gave none. Pure.

vLLM draws a token by dividing its probabilities by exponential noise and taking the largest. With a request's own
seed the noise is a function of the seed and the position, so that two models which agree on a token draw it together:
what differs between the answers of a pair is then the models, and no longer chance ("Gumbel-max coupling",
arXiv:2502.01754). Each answer by itself is drawn as it would be without.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

_OPEN: Final = re.compile(rb'\s*\{(?=\s*")')
_SEED: Final = b'"seed"'
_ESCAPED: Final = re.compile(rb"\\u00[67]")
"""How a letter of the key begins where it is escaped, which no encoder does."""


def seed_of(event_id: str) -> int:
    """An interaction's seed, in [0, 2^31): some engines keep no more of one. It is independent of its lot."""
    return (
        int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=4, person=b"belay/seed").digest()) >> 1
    )


def with_seed(body: bytes, seed: int) -> bytes | None:
    """A request's body with a seed; None where it has one, or may have, or is no object with members.

    >>> with_seed(b'{"model": "m"}', 7)
    b'{"seed":7,"model": "m"}'
    """
    if _SEED in body or (opened := _OPEN.match(body)) is None or _ESCAPED.search(body) is not None:
        return None
    return b'{"seed":%d,%b' % (seed, body[opened.end() :])
