"""Write traffic that nobody has seen: `python examples/support/traffic.py --count 1600 --seed 7 --out traffic.jsonl`.

One request a line, for `belay traffic --prompts` and the demo; the same seed gives the same bytes. Each line has the
session it comes from, its messages, its `max_tokens`, and `truth`: the capability that it belongs to (null for the
tenth that belongs to none), and what the capability's verifier needs to judge an answer. The truth is for whoever
sends the traffic, who may tell with it how often Belay's scores were right; Belay reads none of it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from unseen import customers, details, facts, figures, forms, reports, reviews, strangers
from unseen.manner import conversation
from unseen.shape import Family

NO_CAPABILITY: Final = 0.1
"""The fraction of requests that belongs to no capability of the brief."""
MOST_VISITS: Final = 3
BETWEEN_VISITS: Final = 40.0
"""Mean number of others' requests between two of a session."""
FAMILIES: Final[Mapping[str, Family]] = {
    "support_reply": customers.support_reply,
    "facts": facts.facts,
    "sentiment": reviews.sentiment,
    "extraction": details.extraction,
    "json_output": details.json_output,
    "list_format": forms.list_format,
    "one_sentence_summary": reports.one_sentence_summary,
    "small_code": forms.small_code,
    "addition": figures.addition,
    "word_problem": figures.word_problem,
}
_BRIEF: Final = Path(__file__).with_name("brief.yaml")
_TRIES: Final = 25
_Line = dict[str, Any]


def lines(count: int, seed: int) -> list[_Line]:
    """`count` requests in the order in which they are sent: capabilities by the brief's shares, sessions come back."""
    rng = random.Random(f"unseen/{seed}")
    capabilities = yaml.safe_load(_BRIEF.read_text(encoding="utf-8"))["capabilities"]
    drawn = _requests(capabilities, rng)
    placed: list[tuple[float, _Line]] = []
    visitor = 0
    while len(placed) < count:
        visitor += 1
        when = float(len(placed))
        for _ in range(rng.randint(1, MOST_VISITS)):
            placed.append((when, {"session": f"visitor-{seed}-{visitor:05d}", **next(drawn)}))
            when += rng.expovariate(1 / BETWEEN_VISITS)
    placed.sort(key=lambda pair: pair[0])
    return [line for _, line in placed[:count]]


def _requests(capabilities: list[dict[str, Any]], rng: random.Random) -> Iterator[_Line]:
    """Requests without end; one that was asked before is drawn anew, as often as makes sense."""
    shares = [one["share"] for one in capabilities]
    asked: set[str] = set()
    while True:
        capability = None if rng.random() < NO_CAPABILITY else rng.choices(capabilities, shares)[0]
        for _ in range(_TRIES):
            line = _request(capability, rng)
            key = json.dumps(line["messages"]).casefold()
            if key not in asked:
                break
        asked.add(key)
        yield line


def _request(capability: dict[str, Any] | None, rng: random.Random) -> _Line:
    if capability is None:
        messages = conversation(strangers.stranger(rng), rng)
        return {"messages": messages, "max_tokens": 32, "truth": {"capability": None}}
    ask = FAMILIES[capability["name"]](rng)
    judge = capability["judge"]
    truth = {
        "capability": capability["name"],
        "verifier": judge["verifier"],
        "options": judge.get("options", {}),
        "reference": ask.reference,
    }
    return {"messages": conversation(ask, rng), "max_tokens": capability["max_tokens"], "truth": truth}


def main() -> None:
    """Write the file beside its final name and then rename it; without `--out` to standard output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1600, help="so many requests")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same bytes")
    parser.add_argument("--out", type=Path, help="the file to write")
    told = parser.parse_args()
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines(told.count, told.seed))
    if told.out is None:
        sys.stdout.write(text)
        return
    unfinished = told.out.with_name(f".{told.out.name}.tmp")
    unfinished.write_bytes(text.encode())
    unfinished.replace(told.out)


if __name__ == "__main__":
    main()
