"""Lets requests in by their API key, as far as its limits go.

A key costs a request one SHA-256 and a look into a dictionary. Limits hold over all workers of a router, whose rows
they share; each of several routers has its own.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from router.proxy.keys.accounts import Account, Exceeded, span
from router.proxy.keys.key_file import ApiKey, KeyFile
from router.proxy.keys.metering import Meter
from router.proxy.keys.rows import Rows
from router.proxy.last_good import KEYS, LastGood
from router.proxy.wire import answers
from router.proxy.wire.answers import Answer, Refused
from router.proxy.wire.headers import Headers, secret_in
from telemetry.errors import SettingsError
from telemetry.events import now
from telemetry.hashed_secrets import SecretsFile, hashed

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
_SHORTEST: Final = 32
"""Characters of a key that stands in the environment: 128 bits of chance and more, as hex digits."""


class Admitted:
    """A request that was let in: `headers` say what its key has left, `meter` counts its tokens where they are bounded.

    `end` it in any case.
    """

    __slots__ = ("_account", "_clock", "_denied", "headers", "meter")

    def __init__(self, account: Account, at: float, clock: Callable[[], float], denied: Counter[str]) -> None:
        self._account, self._clock, self._denied = account, clock, denied
        self.headers: Headers = account.headers(at)
        self.meter = Meter() if account.counts_tokens else None

    @property
    def counts(self) -> bool:
        """Whether what is asked by this key is evidence."""
        return self._account.key.evidence

    @property
    def key(self) -> str:
        """The key's name."""
        return self._account.key.name

    def among(self, routes: Sequence[str]) -> Sequence[str]:
        """Those of the routes that the key may use."""
        allowed = self._account.key.routes
        return routes if allowed is None else [name for name in routes if name in allowed]

    def check(self, route: str) -> None:
        """Raise Refused, with 403, where the key may not use this route."""
        if not self.among((route,)):
            self._denied["route"] += 1
            raise Refused(answers.forbidden(route))

    def end(self) -> None:
        """The request has its answer, or will have none: it is charged now."""
        self._account.leave(self._clock(), self.meter.tokens() if self.meter is not None else 0)


class Keys:
    """All keys that are known: those of a file, which is followed, and one of an environment variable.

    `denied` counts who was not let in, by reason. Raises SettingsError where a key cannot be had at the start.
    """

    def __init__(
        self,
        file: Path | None,
        env: str | None,
        *,
        rows: Rows | None = None,
        last_good: LastGood | None = None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], datetime] = now,
    ) -> None:
        self._file = None if file is None else _followed(file, last_good)
        self._single = None if env is None else _key_in(env)
        self._clock, self._today = clock, today
        self._rows = rows or Rows()
        self._accounts: dict[str, Account] = {}
        self.denied: Counter[str] = Counter()

    def admit(self, headers: Sequence[tuple[bytes, bytes]]) -> Admitted:
        """Let a request with these headers in. Raises Refused: 401 for what is no key, 429 beyond a limit."""
        secret = secret_in(dict(headers))
        if secret is None:
            raise self._refused("no_key", answers.unauthorized("No API key was sent with the request."))
        key = self._find(secret.decode("latin-1"))
        if key is None:
            raise self._refused("unknown_key", answers.unauthorized("The API key is not known."))
        if key.expires is not None and self._today() >= key.expires:
            raise self._refused("expired_key", answers.unauthorized("The API key has expired."))
        account, at = self._account_of(key), self._clock()
        exceeded = account.enter(at)
        if exceeded is not None:
            raise self._refused(exceeded.what, _rate_limited(exceeded, account.headers(at)))
        return Admitted(account, at, self._clock, self.denied)

    def look(self) -> None:
        """Take on what the file says, where that changed: a key that is not there any more lets nobody in."""
        if self._file is not None and self._file.look():
            self._forget(self._file)

    def _forget(self, file: SecretsFile[KeyFile, ApiKey]) -> None:
        """Keep no account of a key that is not there any more."""
        known = {key.sha256 for key in file.entries()}
        log.info("%d API keys are known", len(known))
        kept = {}
        for name, account in self._accounts.items():
            if name in known or account.under_way or account.key is self._single:
                kept[name] = account
            else:
                self._rows.release(account.row)
        self._accounts = kept

    async def follow(self) -> None:
        """Look for ever, whatever a look runs into; in a thread, for a file of many keys takes its time."""
        file = self._file
        while file is not None:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                if file.changed() and await asyncio.to_thread(file.look):
                    self._forget(file)
            except Exception:
                log.exception("a look at the keys failed; they stay as they were")

    def _find(self, secret: str) -> ApiKey | None:
        single = self._single
        if single is not None and hashed(secret) == single.sha256:  # of hashes, whose timing tells nothing
            return single
        return self._file.find(secret) if self._file is not None else None

    def _account_of(self, key: ApiKey) -> Account:
        account = self._accounts.get(key.sha256)
        if account is None:
            at = self._clock()
            row = self._rows.row(key.sha256, at)
            account = self._accounts[key.sha256] = Account(key, row, at)
        elif account.key is not key:  # the file was read anew
            account.take_on(key, self._clock())
        return account

    def _refused(self, reason: str, answer: Answer) -> Refused:
        self.denied[reason] += 1
        return Refused(answer)


def _followed(file: Path, last_good: LastGood | None) -> SecretsFile[KeyFile, ApiKey]:
    if last_good is None:
        return SecretsFile(file, KeyFile, _keys_of, ApiKey.WORD)
    keep, instead = partial(last_good.keep, KEYS), last_good.text(KEYS)
    return SecretsFile(file, KeyFile, _keys_of, ApiKey.WORD, keep=keep, instead=instead)


def _keys_of(file: KeyFile) -> tuple[ApiKey, ...]:
    return file.keys


def _key_in(env: str) -> ApiKey:
    secret = os.environ.get(env, "").strip()
    if len(secret) < _SHORTEST:
        raise SettingsError(
            f"api_key_env names the environment variable {env}, which "
            + (f"has {len(secret)} characters, expected {_SHORTEST} at least" if secret else "is not set"),
            hint="`openssl rand -hex 32` makes a key; nobody guesses that one.",
        )
    return ApiKey(name="environment", sha256=hashed(secret))


def _rate_limited(exceeded: Exceeded, headers: Headers) -> Answer:
    wait = span(exceeded.wait_s)
    if exceeded.what == "at_once":
        said = f"Too many requests at once: this key may have {exceeded.limit} under way."
    else:
        said = f"Rate limit reached: {exceeded.limit} {exceeded.what} per minute. Please try again in {wait}."
    kind = "tokens" if exceeded.what == "tokens" else "requests"
    return answers.rate_limited(kind, said, max(1, math.ceil(exceeded.wait_s)), headers)
