"""A small brief with its items, and models that are scripts, for the tests of the offline audit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluator.audit.measures.measure import ServedModel
from evaluator.briefs.brief import Brief, Capability, JudgeSettings, LoadedBrief
from evaluator.briefs.items import Item
from telemetry.events import Message

ITEMS = 60


def capability(name: str, *, role: str = "adjacent", **changes: object) -> Capability:
    """A capability whose answers are right when they contain the reference."""
    fields: dict[str, object] = {
        "name": name,
        "role": role,
        "why": f"users ask for {name}",
        "share": 0.25,
        "at_5_percent_loss": "a retry now and then",
        "at_15_percent_loss": "tickets",
        "threshold": 0.1,
        "items": f"{name}.jsonl",
        "exemplars": (f"please do {name}",),
        "judge": JudgeSettings(verifier="contains_answer"),
    }
    return Capability.model_validate(fields | changes)


def brief(*capabilities: Capability, items: int = ITEMS) -> LoadedBrief:
    """A brief over the capabilities (a target and three adjacent ones unless given), `items` audit items each."""
    chosen = capabilities or (
        capability("support", role="target"),
        capability("facts"),
        capability("sums"),
        capability("riddles"),
    )
    even = tuple(c.model_copy(update={"share": 1.0 / len(chosen)}) for c in chosen)
    return LoadedBrief(
        brief=Brief(
            name="tests",
            version="1",
            owner="tests",
            summary="a brief for tests",
            capabilities=even,
            training="training.jsonl",
        ),
        folder=Path("nowhere"),
        sha256="b" * 64,
        items={c.name: _items(c.name, items) for c in even},
    )


def _items(name: str, count: int) -> tuple[Item, ...]:
    asked = [
        Item(id=f"{name}-{n}", prompt=f"{name} question {n}", reference=f"right{n}") for n in range(count)
    ]
    traffic = Item(id=f"{name}-t", prompt=f"{name} traffic", reference="never asked", split="traffic")
    return (*asked, traffic)


def model(name: str = "base", items: int = ITEMS, **right: float) -> ServedModel:
    """A model that answers the given fraction of each capability's items, always the same ones."""

    def chat(turns: Sequence[Sequence[Message]], max_tokens: int) -> list[str]:  # noqa: ARG001 -- a chat's shape
        return [answer(conversation[-1].content) for conversation in turns]

    def answer(prompt: str) -> str:
        capability, _, number = prompt.split()
        known = round(right[capability] * items)
        return (
            f"It is right{number}."
            if (int(number) * 7919) % items < known
            else f"<b>{name} does not know</b>"
        )

    return ServedModel(url="http://nowhere", name=name, sha256=SHAS[name], folder=Path("nowhere"), chat=chat)


SHAS = {"base": "a" * 64, "candidate": "c" * 64}
