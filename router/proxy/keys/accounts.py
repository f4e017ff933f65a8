"""What one key has left. An account outlives changes of its key's limits, and what it has spent with them."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from router.proxy.keys.buckets import Bucket, filled, full, seconds_until, taken, with_limit
from router.proxy.keys.key_file import ApiKey
from router.proxy.wire.headers import Headers


class Exceeded(NamedTuple):
    """Why a key's request has to wait: which limit (`requests`, `tokens`, `at_once`), its value, and seconds."""

    what: str
    limit: int
    wait_s: float


class Account:
    """One key's buckets and the requests that it has under way. Times are seconds of a clock that does not go back."""

    __slots__ = ("_limits", "_requests", "_tokens", "key", "under_way")

    def __init__(self, key: ApiKey, at: float) -> None:
        self.under_way = 0
        self._requests: Bucket | None = None
        self._tokens: Bucket | None = None
        self.take_on(key, at)

    def take_on(self, key: ApiKey, at: float) -> None:
        """The key's limits are these from now on."""
        self.key = key
        self._requests = _under(key.requests_per_minute, self._requests, at)
        self._tokens = _under(key.tokens_per_minute, self._tokens, at)
        self._limits: Headers = [
            (name, b"%d" % limit)
            for name, limit in (
                (b"x-ratelimit-limit-requests", key.requests_per_minute),
                (b"x-ratelimit-limit-tokens", key.tokens_per_minute),
            )
            if limit is not None
        ]

    @property
    def counts_tokens(self) -> bool:
        """Whether somebody has to count them."""
        return self._tokens is not None

    def enter(self, at: float) -> Exceeded | None:
        """Let a request in; or why it may not come in, and then nothing is taken."""
        key, requests, tokens = self.key, self._requests, self._tokens
        if key.at_once is not None and self.under_way >= key.at_once:
            return Exceeded("at_once", key.at_once, 1.0)
        if requests is not None:
            self._requests = requests = filled(requests, at)
            if requests.level < 1.0:
                return Exceeded("requests", requests.per_minute, seconds_until(requests, 1.0))
        if tokens is not None:
            self._tokens = tokens = filled(tokens, at)
            if tokens.level < 1.0:
                return Exceeded("tokens", tokens.per_minute, seconds_until(tokens, 1.0))
        if requests is not None:
            self._requests = taken(requests, 1.0)
        self.under_way += 1
        return None

    def leave(self, at: float, tokens: int) -> None:
        """A request has ended, and has cost so many tokens."""
        self.under_way -= 1
        if self._tokens is not None:
            self._tokens = taken(filled(self._tokens, at), tokens)

    def headers(self) -> Headers:
        """What was left when somebody entered last, or was refused, as OpenAI's clients read it."""
        told = [*self._limits]
        if self._requests is not None:
            told += _left(_REQUESTS, self._requests)
        if self._tokens is not None:
            told += _left(_TOKENS, self._tokens)
        return told


_REQUESTS: Final = (b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests")
_TOKENS: Final = (b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens")


def _left(names: tuple[bytes, bytes], bucket: Bucket) -> Headers:
    per_minute, level, _ = bucket
    missing_s = (per_minute - level) * 60.0 / per_minute
    return [(names[0], b"%d" % (level if level > 0.0 else 0)), (names[1], span(missing_s).encode())]


def _under(limit: int | None, bucket: Bucket | None, at: float) -> Bucket | None:
    if limit is None:
        return None
    return full(limit, at) if bucket is None else with_limit(filled(bucket, at), limit)


def span(seconds: float) -> str:
    """A time span as OpenAI writes them in these headers.

    >>> [span(s) for s in (0.0, 0.12, 8.64, 60.0, 3725.0)]
    ['0s', '120ms', '8.64s', '1m0s', '62m5s']
    """
    thousandths = math.ceil(seconds * 1000.0 - 1e-6)
    if 0 < thousandths < 1000:
        return f"{thousandths}ms"
    minutes, rest = divmod(thousandths, 60_000)
    return (f"{minutes}m" if minutes else "") + f"{rest / 1000:g}s"
