"""What one key has left. An account outlives changes of its key's limits, and what it has spent with them."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from router.proxy.keys.buckets import ONE, charged, level, seconds_until, under
from router.proxy.keys.key_file import ApiKey
from router.proxy.keys.rows import Row
from router.proxy.wire.headers import Headers


class Exceeded(NamedTuple):
    """Why a key's request has to wait: which limit (`requests`, `tokens`, `at_once`), its value, and seconds."""

    what: str
    limit: int
    wait_s: float


class Account:
    """One key's budgets and requests under way. Times are seconds of a clock that does not go back.

    `under_way` are those of this process; what all have spent, and are answering, is in `row`.
    """

    __slots__ = ("_limits", "_words", "key", "row", "under_way")

    def __init__(self, key: ApiKey, row: Row, at: float) -> None:
        self.row, self._words = row, row.words
        self.under_way = 0
        self.take_on(key, at)

    def take_on(self, key: ApiKey, at: float) -> None:
        """The key's limits are these from now on."""
        self.key = key
        self._limits: Headers = []
        for name, limit, place in (
            (b"x-ratelimit-limit-requests", key.requests_per_minute, self.row.requests),
            (b"x-ratelimit-limit-tokens", key.tokens_per_minute, self.row.tokens),
        ):
            if limit is not None:
                self._limits.append((name, b"%d" % limit))
                self._limit(limit, place, at)

    def _limit(self, limit: int, place: int, at: float) -> None:
        words, its_limit = self._words, place + self.row.apart
        before = words[its_limit]
        if before not in (0.0, limit):
            words[place] = under(limit, before, words[place], at)
        words[its_limit] = float(limit)

    @property
    def counts_tokens(self) -> bool:
        """Whether somebody has to count them."""
        return self.key.tokens_per_minute is not None

    def enter(self, at: float) -> Exceeded | None:
        """Let a request in; or why it may not come in, and then nothing is taken."""
        key, row, words = self.key, self.row, self._words
        if key.at_once is not None and row.under_way() >= key.at_once:
            return Exceeded("at_once", key.at_once, 1.0)
        requests, tokens = key.requests_per_minute, key.tokens_per_minute
        if requests is not None and level(requests, words[row.requests], at) < ONE:
            return Exceeded("requests", requests, seconds_until(requests, words[row.requests], at, 1.0))
        if tokens is not None and level(tokens, words[row.tokens], at) < ONE:
            return Exceeded("tokens", tokens, seconds_until(tokens, words[row.tokens], at, 1.0))
        if requests is not None:
            words[row.requests] = charged(requests, words[row.requests], at, 1.0)
        self.under_way += 1
        words[row.mine] = self.under_way
        return None

    def leave(self, at: float, tokens: int) -> None:
        """A request has ended, and has cost so many tokens."""
        row, limit = self.row, self.key.tokens_per_minute
        self.under_way -= 1
        self._words[row.mine] = self.under_way
        if limit is not None:
            self._words[row.tokens] = charged(limit, self._words[row.tokens], at, tokens)

    def headers(self, at: float) -> Headers:
        """What is left, as OpenAI's clients read it."""
        key, row, words = self.key, self.row, self._words
        told = [*self._limits]
        if key.requests_per_minute is not None:
            told += _left(_REQUESTS, key.requests_per_minute, words[row.requests], at)
        if key.tokens_per_minute is not None:
            told += _left(_TOKENS, key.tokens_per_minute, words[row.tokens], at)
        return told


_REQUESTS: Final = (b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests")
_TOKENS: Final = (b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens")


def _left(names: tuple[bytes, bytes], per_minute: int, full_at: float, at: float) -> Headers:
    left = level(per_minute, full_at, at)
    said = int(left + 1.0 - ONE) if left > 0.0 else 0
    return [(names[0], b"%d" % said), (names[1], span(max(0.0, full_at - at)).encode())]


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
