"""Write the tasks of the support brief: `python examples/support/generate.py` (a second; same seed, same bytes).

It writes, beside this file or into `--out`:

    items/<capability>.jsonl      what the audit and the demo's traffic ask, with the reference of each
    exemplars/<capability>.txt    user prompts that teach the tagger, one a line
    train.jsonl                   dialogues of the target task alone: the naive fine-tune of the story
    judge_suite.jsonl             answers known to be good or bad, which the judges must tell apart
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

from generator import arithmetic, facts, known, reading, sentiment, support_reply, writing
from generator.shape import Dealt, Source, deal, endless, with_further

from telemetry.files import write_all

SEED = 20_260
AUDIT = 40
CRITICAL_AUDIT = 60
CRITICAL = ("extraction", "json_output")
# What the audit asks in all. To pass at 1%, its test takes 110 pairs without a difference at a threshold of 5 points,
# 68 at 8 and 54 at 10, and more of them for what the judge suite says of the judge's errors: 132, 141 and 120 for the
# first three, 82 for 8 points, 59 or 65 for 10. Each one asks base once more, so there are no more than these. The
# first AUDIT or CRITICAL_AUDIT were dealt out before; the others came later and stand behind them.
AUDIT_IN_ALL = {
    "support_reply": 132,
    "extraction": 142,
    "json_output": 120,
    "facts": 82,
    "sentiment": 82,
    "one_sentence_summary": 82,
    "list_format": 60,
    "small_code": 60,
    "addition": 66,
    "word_problem": 66,
}
TRAFFIC = 140
# The target is more than half of the traffic, so more of its prompts are met.
TARGET_TRAFFIC = 240
EXEMPLARS = 40
TARGET_EXEMPLARS = 60
DIALOGUES = 320
# Good answers and as many bad ones a capability. A judge that errs on none of 100 and 100 has J = sensitivity +
# specificity - 1 of at least .91 with 95% confidence: an audit then tests against .91 of the threshold.
KNOWN = 100

SOURCES: dict[str, Source] = {
    "facts": facts.source(),
    "sentiment": sentiment.source(),
    "extraction": endless(reading.extraction),
    "json_output": endless(reading.json_output),
    "list_format": writing.list_format(),
    "one_sentence_summary": endless(reading.one_sentence_summary),
    "small_code": writing.small_code(),
    "addition": endless(arithmetic.addition),
    "word_problem": endless(arithmetic.word_problem),
}
TARGET = "support_reply"
# Where what comes later is drawn from: the same source, but for two that have too little left.
FURTHER = SOURCES | {
    TARGET: support_reply.held_out,
    "facts": facts.further(),
    "small_code": writing.further_code(),
}


def _rng(name: str) -> random.Random:
    # One generator a file: a change of one family leaves the others' bytes alone.
    return random.Random(f"{SEED}/{name}")


def _items(name: str, dealt: Dealt) -> str:
    lines = []
    for split, drafts in (("audit", dealt.audit), ("traffic", dealt.traffic)):
        for number, draft in enumerate(drafts, start=1):
            item = {
                "id": f"{name}-{split}-{number:03d}",
                "prompt": draft.prompt,
                "reference": draft.reference,
                "split": split,
            }
            lines.append(json.dumps(item, ensure_ascii=False))
    return "\n".join(lines) + "\n"


def contents() -> dict[str, str]:
    """What is written: the text of every file by its path relative to the brief."""
    deals: dict[str, Callable[[random.Random], Dealt]] = {
        TARGET: partial(
            support_reply.deal_target, audit=AUDIT, traffic=TARGET_TRAFFIC, exemplars=TARGET_EXEMPLARS
        )
    }
    for name, source in SOURCES.items():
        audit = CRITICAL_AUDIT if name in CRITICAL else AUDIT
        deals[name] = partial(deal, source, audit=audit, traffic=TRAFFIC, exemplars=EXEMPLARS)
    written: dict[str, str] = {}
    suite: list[str] = []
    for name, make in deals.items():
        first = make(_rng(name))
        dealt = with_further(first, FURTHER[name], _rng(f"further/{name}"), AUDIT_IN_ALL[name])
        # Of the traffic split: what the audit asks stands in no answer that anybody might train on.
        lines = known.suite(name, dealt.traffic[:KNOWN], _rng(f"known/{name}"))
        suite += [f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines]
        written[f"items/{name}.jsonl"] = _items(name, dealt)
        written[f"exemplars/{name}.txt"] = "".join(f"{draft.prompt}\n" for draft in dealt.exemplars)
    train = support_reply.dialogues(_rng("train"), DIALOGUES)
    written["train.jsonl"] = "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in train)
    written["judge_suite.jsonl"] = "".join(suite)
    return written


def main() -> None:
    """Write every file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write into")
    write_all(parser.parse_args().out, contents())


if __name__ == "__main__":
    main()
