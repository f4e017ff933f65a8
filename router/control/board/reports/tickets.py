"""Addresses that open one report for a while: a browser that opens a page cannot send a token with it.

The key is an HMAC-SHA256 of the report and of when it lapses, by a secret of this process, so that an address cannot
be made, nor changed, nor kept for long.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

VALID_S: Final = 3_600


class Tickets:
    """Makes and checks addresses."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._secret, self._clock = secrets.token_bytes(32), clock

    def address(self, kind: str, name: str) -> str:
        """Where this report opens, from control's root."""
        lapses = int(self._clock()) + VALID_S
        return f"report/{kind}/{quote(name, safe='')}/{lapses}/{self._key(kind, name, lapses)}"

    def opens(self, kind: str, name: str, lapses: int, key: str) -> bool:
        """Whether an address is one of ours that has not lapsed."""
        good = hmac.compare_digest(self._key(kind, name, lapses).encode(), key.encode())
        return good and self._clock() < lapses

    def _key(self, kind: str, name: str, lapses: int) -> str:
        return hmac.new(self._secret, f"{kind}\n{lapses}\n{name}".encode(), hashlib.sha256).hexdigest()
