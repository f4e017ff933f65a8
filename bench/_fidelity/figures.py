"""Whether vLLM and the router said the same: form by form, and client by client in each of its modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from _environments import NotHere
from _shape import Figure, Result, say

from _fidelity.clients import CLIENTS, Client, Kind, Modes, run
from _fidelity.parties import MODEL
from telemetry.events import Arm
from tests.router.fidelity.forms import all_forms
from tests.router.fidelity.recorder import Compared, compare

_ROUNDS: Final = 3
"""How often a client is run against both: vLLM's own answers may differ in their last bits between two runs."""


@dataclass(slots=True)
class Tally:
    """What was found so far: how many `modes` of each client were tried, and which went `wrong`, and how."""

    forms: list[Compared] = field(default_factory=list)
    modes: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)


def forms(tally: Tally, engine: str, router: str) -> None:
    """Ask both every form."""
    for form in all_forms(MODEL):
        found = compare(form, engine, router)
        tally.forms.append(found)
        for part, told in found.unexplained.items():
            say(f"form {form.name!r}: {part}: {told}")


def clients(
    tally: Tally, result: Result, kind: Kind, engine: str, routers: Mapping[Arm, str], model: Path
) -> None:
    """Run every client against both."""
    for client in CLIENTS:
        if kind not in client.kinds:
            continue
        for arm, router in routers.items():
            try:
                tried, wrong = _modes(client, kind, engine, router, model)
            except NotHere as why:
                result.miss(f"{client.name}, {kind} by {arm}", str(why))
                continue
            say(f"{client.name}, {kind} by {arm}: {tried - len(wrong)} of {tried}")
            tally.modes[client.name] = tally.modes.get(client.name, 0) + tried
            tally.wrong.setdefault(client.name, []).extend(
                f"{mode} by {arm}: {why}" for mode, why in wrong.items()
            )


def _modes(client: Client, kind: Kind, engine: str, router: str, model: Path) -> tuple[int, dict[str, str]]:
    """How many modes there are, and those that came to another result, or to none."""
    engines: list[Modes] = []
    ours: list[Modes] = []
    wrong: dict[str, str] = {}
    for _ in range(_ROUNDS):
        engines.append(run(client, kind, engine, model))
        ours.append(run(client, kind, router, model))
        wrong = {mode: why for mode in engines[0] if (why := _why_wrong(mode, engines, ours)) is not None}
        if not wrong:
            break
    return len(engines[0]), wrong


def _why_wrong(mode: str, engines: Sequence[Modes], ours: Sequence[Modes]) -> str | None:
    same = [found[mode] for found in ours if any(found[mode] == theirs[mode] for theirs in engines)]
    if not same:
        return f"{str(engines[-1][mode])[:500]} became {str(ours[-1][mode])[:500]}"
    if not all(found["ok"] for found in same):
        return f"fails at both: {str(same[-1]['value'])[:500]}"
    return None


def tell(result: Result, tally: Tally) -> None:
    """The figures."""
    free = [one for one in tally.forms if not one.form.differs]
    same = sum(not one.differences for one in free)
    again = sum(one.rounds > 1 for one in tally.forms)
    result.add(
        Figure("forms_identical", same / len(free), "fraction", same, len(free), 1.0, "higher",
               f"status, headers, body and events byte for byte; both arms; {again} forms were asked more than once, "
               "since vLLM's own answers varied")
    )  # fmt: skip
    named = {one.form.name for one in tally.forms if one.form.differs}
    stray = {one.form.name for one in tally.forms if one.form.differs and one.unexplained}
    result.add(
        Figure("forms_different_as_told", 1 - len(stray) / len(named), "fraction", len(named) - len(stray), len(named),
               1.0, "higher", "those of docs/router.md, different in nothing but what it says")
    )  # fmt: skip
    if not tally.modes:
        return
    working = [name for name in tally.modes if not tally.wrong[name]]
    for name, wrong in tally.wrong.items():
        for one in wrong:
            say(f"{name}: {one}")
    modes, bad = sum(tally.modes.values()), sum(map(len, tally.wrong.values()))
    result.add(
        Figure("clients_working", len(working), "clients", len(working), len(CLIENTS), len(CLIENTS), "higher",
               ", ".join(f"{name} {tally.modes[name] - len(tally.wrong[name])} of {tally.modes[name]}"
                         for name in tally.modes))
    )  # fmt: skip
    result.add(
        Figure("client_modes_same", (modes - bad) / modes, "fraction", modes - bad, modes, 1.0, "higher",
               "one mode of one client by one arm: it works, and its parsed result is the one that vLLM's answer gives")
    )  # fmt: skip
