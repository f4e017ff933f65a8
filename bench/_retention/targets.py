"""What a model is made to learn by bench/retention.py and bench/unnamed.py: two targets of public sets.

Intents: name the intent of a customer's message, 27 intents. Bitext writes many utterances out of few phrases
(https://github.com/bitext/customer-support-intent-detection-training-dataset), so the split is by template: all
utterances with the same content words, entities taken out, fall on one side.

Topics: name what a request to an assistant is about, 30 topics of CLINC150's banking and travel, by its own splits.
Its utterances were written by many people, so no two share a template.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"

Part = Literal["train", "tune", "test"]
_DOMAINS: Final = ("banking", "travel")
_SPLITS: Final[dict[Part, str]] = {"train": "train", "tune": "val", "test": "test"}
_FILLERS = frozenset(
    """a an the i you me my we it is are am be to of for in on at by with from and or if do does did not don t no
    can could would will may shall should how what where when which who why whether help helping assist assistance
    assisting need want wanna have has got please there any some about know knowing information info question like
    looking go going get try trying give tell show let ask check see inform more""".split()  # noqa: SIM905 -- one a line would be ninety lines
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message with its intent, how a model is asked for it, and what it has in common with others, if known."""

    text: str
    intent: str
    asked: str
    template: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What is learnt. `messages` are those of one part, in a random order that is always the same."""

    name: str
    what: str
    messages: Callable[[Part], list[Message]]


def _bitext(part: Part) -> list[Message]:
    """80% of the templates train, 10% tune, 10% test."""
    chosen = set()
    for file in sorted((DATA / "bitext_intents").glob("*.csv")):
        with file.open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                template = _template(row["utterance"], row["entity_value"])
                if _part(template) == part:
                    text = row["utterance"].strip()
                    chosen.add(Message(text, row["intent"], f"Customer message: {text}\nIntent:", template))
    return sorted(chosen, key=_by_hash)


def _clinc(part: Part) -> list[Message]:
    folder = DATA / "clinc150"
    domains = json.loads((folder / "domains.json").read_bytes())
    wanted = {intent for domain in _DOMAINS for intent in domains[domain]}
    rows = json.loads((folder / "data_full.json").read_bytes())[_SPLITS[part]]
    chosen = {
        Message(text.strip(), intent, f"Request: {text.strip()}\nTopic:")
        for text, intent in rows
        if intent in wanted
    }
    return sorted(chosen, key=_by_hash)


def _by_hash(message: Message) -> bytes:
    return hashlib.sha256(message.text.encode()).digest()


def _template(utterance: str, entity: str) -> str:
    text = utterance.lower()
    if entity:
        text = text.replace(entity.lower(), " entity ")
    return " ".join(sorted(set(re.findall(r"[a-z]+", text)) - _FILLERS))


def _part(template: str) -> Part:
    bucket = int.from_bytes(hashlib.sha256(template.encode()).digest()[:4], "big") % 10
    return "test" if bucket == 0 else "tune" if bucket == 1 else "train"


INTENTS: Final = Target("intents", "Intents of customers' messages", _bitext)
TOPICS: Final = Target("topics", "Topics of requests to an assistant", _clinc)
