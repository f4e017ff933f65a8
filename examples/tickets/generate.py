"""Write the tasks of the tickets brief: `python examples/tickets/generate.py` (a second; same seed, same bytes).

It writes, beside this file or into `--out`:

    items/<capability>.jsonl      what the audit and the traffic ask, with the reference of each
    exemplars/<capability>.txt    user prompts that teach the tagger, one a line
    train.jsonl                   dialogues of the target: which team a ticket goes to
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import wordings as words

from telemetry.files import write_all

SEED = 20_261
# An audit's test needs 54 pairs without a difference to pass at 10 points, 110 at 5 points.
AUDIT = {"order_number": 110}
AUDIT_OTHERWISE = 60
# Where base is right in one of three, candidates change many answers for better and for worse, and take more pairs.
# These were dealt out later and stand behind all others.
FURTHER_AUDIT = {"iso_date": 120}
TRAFFIC = 80
EXEMPLARS = 16
DIALOGUES = 160


class Draft(NamedTuple):
    """One task: the prompt, and what a verifier needs to judge an answer to it."""

    prompt: str
    reference: Any


def _slots(rng: random.Random) -> dict[str, str]:
    return {
        "product": rng.choice(words.PRODUCTS),
        "name": rng.choice(words.NAMES),
        "city": rng.choice(words.CITIES),
        "day": rng.choice(words.DAYS),
        "order": str(rng.randrange(10_000, 100_000)),
        "since": str(rng.randrange(2008, 2026)),
    }


def _routes(rng: random.Random, held_out: bool) -> Iterator[Draft]:
    """Teams in turn, so that every count is split evenly; wordings of items stand in no training dialogue."""
    while True:
        for team, wordings in words.TEAMS.items():
            text = rng.choice(wordings[held_out]).format(**_slots(rng))
            yield Draft(words.ROUTE.format(_opened(rng.choice(words.GREETINGS), text)), team)


def _opened(greeting: str, text: str) -> str:
    return greeting + text if greeting else text[0].upper() + text[1:]


def _two_kinds(
    rng: random.Random, question: str, kinds: dict[str, tuple[str, ...]], openings: tuple[str, ...]
) -> Iterator[Draft]:
    """Sentences of two kinds in turn."""
    while True:
        for label, sentences in kinds.items():
            sentence = rng.choice(openings) + rng.choice(sentences).format(**_slots(rng))
            yield Draft(question.format(sentence), label)


def _sentiment(rng: random.Random) -> Iterator[Draft]:
    kinds = {"positive": words.POSITIVE, "negative": words.NEGATIVE}
    return _two_kinds(rng, words.SENTIMENT, kinds, words.MOODS)


def _urgency(rng: random.Random) -> Iterator[Draft]:
    return _two_kinds(rng, words.URGENCY, {"yes": words.URGENT, "no": words.CALM}, words.MOODS)


def _orders(rng: random.Random) -> Iterator[Draft]:
    while True:
        slots = _slots(rng)
        yield Draft(words.ORDER.format(rng.choice(words.ORDERED).format(**slots)), slots["order"])


def _records(rng: random.Random) -> Iterator[Draft]:
    while True:
        slots = _slots(rng)
        text, keys = rng.choice(words.RECORDS)
        yield Draft(text.format(**slots), {key: slots[key] for key in keys})


def _dates(rng: random.Random) -> Iterator[Draft]:
    while True:
        day, month, year = rng.randrange(1, 29), rng.randrange(1, 13), rng.randrange(2021, 2027)
        said = f"{day} {words.MONTHS[month - 1]} {year}"
        yield Draft(words.DATE.format(said), f"{year}-{month:02d}-{day:02d}")


SOURCES: dict[str, Callable[[random.Random], Iterator[Draft]]] = {
    "route": lambda rng: _routes(rng, held_out=True),
    "sentiment": _sentiment,
    "urgency": _urgency,
    "order_number": _orders,
    "record": _records,
    "iso_date": _dates,
}


def _distinct(drafts: Iterator[Draft], count: int, known: frozenset[str] = frozenset()) -> list[Draft]:
    found: dict[str, Draft] = {}
    for draft in drafts:
        if draft.prompt not in known:
            found.setdefault(draft.prompt, draft)
        if len(found) == count:
            break
    return list(found.values())


def _rng(name: str) -> random.Random:
    # One generator a file: a change of one family leaves the others' bytes alone.
    return random.Random(f"{SEED}/{name}")


def _lines(values: list[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in values)


def _item(name: str, split: str, number: int, draft: Draft) -> dict[str, Any]:
    return {
        "id": f"{name}-{split}-{number:03d}",
        "prompt": draft.prompt,
        "reference": draft.reference,
        "split": split,
    }


def contents() -> dict[str, str]:
    """What is written: the text of every file by its path relative to the brief."""
    written: dict[str, str] = {}
    for name, source in SOURCES.items():
        audit = AUDIT.get(name, AUDIT_OTHERWISE)
        drafts = source(_rng(name))
        dealt = {"audit": _distinct(drafts, audit)}
        asked = frozenset(draft.prompt for draft in dealt["audit"])
        dealt["traffic"] = _distinct(drafts, TRAFFIC, asked)
        asked |= {draft.prompt for draft in dealt["traffic"]}
        taught = _routes(_rng("exemplars"), held_out=False) if name == "route" else drafts
        exemplars = _distinct(taught, EXEMPLARS, asked)
        asked |= {draft.prompt for draft in exemplars}
        further = _distinct(drafts, FURTHER_AUDIT[name], asked) if name in FURTHER_AUDIT else []
        dealt["audit"] += further
        items = [
            _item(name, split, n, d) for split, drawn in dealt.items() for n, d in enumerate(drawn, start=1)
        ]
        written[f"items/{name}.jsonl"] = _lines(items)
        written[f"exemplars/{name}.txt"] = "".join(f"{draft.prompt}\n" for draft in exemplars)
    written["train.jsonl"] = _lines(
        [
            {
                "messages": [
                    {"role": "user", "content": draft.prompt},
                    {"role": "assistant", "content": f"This ticket is about {draft.reference}."},
                ]
            }
            for draft in _distinct(_routes(_rng("train"), held_out=False), DIALOGUES)
        ]
    )
    return written


def main() -> None:
    """Write every file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write into")
    write_all(parser.parse_args().out, contents())


if __name__ == "__main__":
    main()
