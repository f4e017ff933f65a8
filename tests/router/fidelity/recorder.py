"""Asks an engine and the router in front of it the same, and says where the answers differ."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tests.router.fidelity.forms import Form
from tests.router.fidelity.masks import Masked, masked
from tests.router.fidelity.wire import NotHttp, ask

_ROUNDS: Final = 12
"""How often both are asked where they differ: vLLM joins what it says into events as it finds the time, and says a
prompt that it knows by heart with other last bits."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One form, in which ways the router's answer was another (by part, told), and how often both were asked."""

    form: Form
    differences: dict[str, str]
    rounds: int

    @property
    def unexplained(self) -> dict[str, str]:
        """The differences that nothing explains."""
        return {part: told for part, told in self.differences.items() if part not in self.form.differs}


class Said(NamedTuple):
    """What was heard, without what may differ."""

    answers: tuple[Masked, ...]
    kept: bool
    failure: str | None = None


def compare(form: Form, engine: str, router: str) -> Compared:
    """Ask both URLs until the router says something that the engine has said, or for so many rounds."""
    engines: list[Said] = []
    ours: list[Said] = []
    found: dict[str, str] = {}
    for _ in range(_ROUNDS):
        engines.append(hear(form, engine, ours=False))
        ours.append(hear(form, router, ours=True))
        found = min((differences(theirs, mine) for theirs in engines for mine in ours), key=len)
        if not found.keys() - form.differs:
            break
    return Compared(form, found, len(ours))


def hear(form: Form, url: str, *, ours: bool) -> Said:
    """What a URL says to a form."""
    parts = urlsplit(url)
    try:
        heard = ask(parts.hostname or "", parts.port or 80, form.parts, form.methods)
    except (NotHttp, OSError) as error:
        return Said((), kept=False, failure=f"{type(error).__name__}: {error}")
    return Said(tuple(masked(answer, ours=ours) for answer in heard.answers), heard.kept)


def differences(engines: Said, ours: Said) -> dict[str, str]:
    """In which parts two differ, told for people; none where they are equal."""
    found = {
        part: f"{theirs!r} became {mine!r}"
        for part, theirs, mine in (
            ("failure", engines.failure, ours.failure),
            ("answers", len(engines.answers), len(ours.answers)),
            ("kept", engines.kept, ours.kept),
        )
        if theirs != mine
    }
    for theirs, mine in zip(engines.answers, ours.answers, strict=False):
        for field in fields(Masked):
            before, after = getattr(theirs, field.name), getattr(mine, field.name)
            if before != after:
                found[field.name] = _told(before, after)
    return found


def _told(theirs: object, mine: object) -> str:
    if not (isinstance(theirs, bytes) and isinstance(mine, bytes)):
        return f"{theirs!r} became {mine!r}"
    shorter = min(len(theirs), len(mine))
    at = next((n for n in range(shorter) if theirs[n] != mine[n]), shorter)
    begin = max(0, at - 60)
    return f"at byte {at} {theirs[begin : at + 100]!r} became {mine[begin : at + 100]!r}"
