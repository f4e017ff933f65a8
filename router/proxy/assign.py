"""Who gets the candidate: a sticky, nested hash of the subject. Pure; no clock, no disk, no chance.

`u` is read off the subject's digest, so a recorded interaction proves its own assignment: anyone who
holds the record can check `unit_of(subject) < share` without ever seeing the identity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from router.proxy.wire.headers import secret_in
from telemetry.events import Arm, SubjectSource
from telemetry.subjects import unit_of

SESSION_HEADER: Final = b"x-session-id"
END_USER_HEADER: Final = b"x-end-user-id"

_SUBJECT: Final = b"belay.subject"
_SHADOW: Final = b"belay.shadow"
_API_KEY: Final = b"belay.key"
_KEY_DIGITS: Final = 16


def subject_of(
    headers: Mapping[bytes, bytes],
    body_user: str | None,
    *,
    session_header: bytes = SESSION_HEADER,
    end_user_header: bytes = END_USER_HEADER,
) -> tuple[str, SubjectSource] | None:
    """The identity to assign by, and where it was found; None where the request names nobody.

    `headers` has lower-case names. The order is session, end user, body `user`, API key; an empty value
    counts as absent. Without any, the caller assigns the single request under a fresh id (source `request`).
    """
    if value := headers.get(session_header):
        return value.decode("latin-1"), "session"
    if value := headers.get(end_user_header):
        return value.decode("latin-1"), "end_user"
    if body_user:
        return body_user, "user"
    if secret := secret_in(headers):
        return secret.decode("latin-1"), "api_key"
    return None


def digest(salt: str, identity: str) -> str:
    """The salted BLAKE2b digest of an identity: 32 hex digits. The identity itself goes nowhere."""
    return _hash(salt, identity, _SUBJECT)


@lru_cache(maxsize=1024)
def key_digest(salt: str, name: str) -> str:
    """What records say of the API key with this name: 16 hex digits, of another hash than a subject of the same words.

    Of its name, not of the key or its hash: whoever has a record can check no key by it.
    """
    return _hash(salt, name, _API_KEY)[:_KEY_DIGITS]


def unit_interval(salt: str, identity: str) -> float:
    """The identity's u in [0, 1): uniform over identities, independent between salts."""
    return unit_of(digest(salt, identity))


def arm_of(u: float, share: float) -> Arm:
    """Candidate iff u < share: whoever met the candidate keeps it while the share grows."""
    return "candidate" if u < share else "control"


def shadow_lot(salt: str, event_id: str) -> float:
    """The interaction's lot in [0, 1): it is also sent to the other arm where it falls below a fraction.

    It follows from the id, so it is there before any answer, and is the same whatever the fraction.
    """
    return unit_of(_hash(salt, event_id, _SHADOW))


def _hash(salt: str, text: str, person: bytes) -> str:
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), digest_size=16, key=_key(salt), person=person
    ).hexdigest()


@lru_cache(maxsize=64)
def _key(salt: str) -> bytes:
    # BLAKE2b takes a salt of at most 16 bytes; hashed into the key, a salt may have any length.
    return hashlib.blake2b(salt.encode()).digest()
