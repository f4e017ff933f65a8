"""The secrets that are planted, and the search for them."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Iterator
from pathlib import Path

from telemetry.bus.memory_bus import MemoryBus
from telemetry.codec import decode
from telemetry.errors import UnreadableRecord
from telemetry.events import DeadLettered
from tests.telemetry.labelled import generated

_PIECE = 12
"""Characters of a secret, from either end, that are searched for beside the whole: a cut one is told too."""


class Hidden:
    """Draws secrets that nobody else has, by a seed, and knows them again. `where` says what each was planted as."""

    def __init__(self, seed: int = 17) -> None:
        self._chance = random.Random(
            seed + 1
        )  # another one than the texts', or parts of both would be the same
        made = list(generated.positives(seed))
        kinds = len({one.kind for one in made})
        each = len(made) // kinds
        # One of each kind, then the next of each.
        self._texts = [made[kind * each + at] for at in range(each) for kind in range(kinds)]
        self.where: dict[str, str] = {}

    def new(self, place: str, length: int = 32) -> str:
        """A secret of letters and digits without any form of its own."""
        return self.plant(
            "".join(self._chance.choices(string.ascii_letters + string.digits, k=length)), place
        )

    def words(self, place: str) -> str:
        """A secret that looks like prose, which no pattern can know: only a digest hides it."""
        letters = "".join(self._chance.choices(string.ascii_lowercase, k=14))
        return self.plant(f"{letters[:5]} {letters[5:9]} {letters[9:]}", place)

    def texts(self, place: str, count: int) -> list[str]:
        """The next texts with a secret each, of every kind that redaction knows in turn."""
        found = [self._texts.pop(0) for _ in range(count)]
        for one in found:
            self.plant(one.secret, f"{place}: {one.kind}")
        return [one.text for one in found]

    def found_in(self, name: str, content: bytes) -> list[str]:
        """What of all that was planted stands in it."""
        return [f"{place} in {name}" for secret, place in self.where.items() if _stands_in(secret, content)]

    def plant(self, secret: str, place: str) -> str:
        """Know a secret that somebody else made."""
        assert secret not in self.where
        self.where[secret] = place
        return secret


def _stands_in(secret: str, content: bytes) -> bool:
    pieces = {secret, secret[:_PIECE], secret[-_PIECE:]} if len(secret) > 2 * _PIECE else {secret}
    # A private key begins and ends as every other; a token of Basic is all of one.
    return any(piece.encode() in content for piece in pieces if "PRIVATE KEY" not in piece)


def in_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def in_topics(bus: MemoryBus) -> Iterator[tuple[str, bytes]]:
    """Every record of every topic, key and headers included; what dead letters hold, as it was too."""
    for (topic, partition), records in bus.logs.items():
        for record in records:
            headers = b"\n".join(name.encode() + b": " + value for name, value in record.headers)
            yield (
                f"{topic}/{partition} at {record.offset}",
                b"\n".join((record.key or b"", headers, record.value or b"")),
            )
            try:
                event = decode(record) if record.value is not None else None
            except UnreadableRecord:
                continue
            if isinstance(event, DeadLettered):
                yield (
                    f"the payload of {topic}/{partition} at {record.offset}",
                    base64.b64decode(event.payload),
                )
