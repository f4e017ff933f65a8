"""How truly prompts get their capability, how truly they stay unknown, and how fast, beside the tagger by words.

    python bench/tagger.py            # the full run, some five minutes on one core
    python bench/tagger.py --quick    # about a minute
    python bench/tagger.py --json     # one JSON object on standard output

Cuts come from exemplars and the shipped general prompts alone; prompts of the sets' out-of-scope kind are seen here
for the first time. Data are those of `../shared/data`; what is absent is named as missing.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
from _shape import Figure, Result, arguments, finish, say
from _tagger.clinc import Clinc, clinc
from _tagger.nine import ADOPTED, exemplars, questions
from _tagger.scored import Both, both, calibration_error, likeliest, macro_f1, per_second, right

from evaluator.briefs.brief import load_brief
from evaluator.judge.embedding import Embedder
from evaluator.judge.tagging.conversations import tag_conversations
from evaluator.judge.tagging.general import general_prompts

ROOT: Final = Path(__file__).parents[1]
DATA: Final = ROOT.parent / "shared" / "data"
SUPPORT: Final = ROOT / "examples" / "support"


def domains(result: Result, embedder: Embedder) -> None:
    """CLINC150 over seeds of exemplars: right in scope, unknown out of scope, and how well certainty is calibrated."""
    seeds = [result.seed] if result.quick else [result.seed + n for n in range(5)]
    most = 800 if result.quick else None
    rows = [_domains(clinc(DATA, seed, most), embedder) for seed in seeds]
    for name, at, bar, better in (
        ("clinc_in_scope_accuracy", 0, 0.85, "higher"),
        ("clinc_out_of_scope_recall", 1, 0.85, "higher"),
        ("calibration_error", 2, 0.05, "lower"),
    ):
        ours, theirs = ([row[who][at] for row in rows] for who in (0, 1))
        value = float(np.mean(ours))
        note = (
            f"CLINC150's test split, {len(seeds)} draws of 60 exemplars a domain: {_range(ours)}; "
            f"by words {_range(theirs)}"
        )
        result.add(Figure(name, value, "fraction", value, float(np.mean(theirs)), bar, better, note))


def _domains(data: Clinc, embedder: Embedder) -> list[tuple[float, float, float]]:
    taggers = both(data.exemplars, embedder)
    texts, truth = [text for text, _ in data.inside], [domain for _, domain in data.inside]
    found = []
    for tagger in taggers:
        inside, outside = tagger.tag(texts), tagger.tag(data.outside)
        hits = [a == b for a, b in zip(likeliest(tagger, texts), truth, strict=True)]
        sure = [tag.confidence for tag in (*inside, *outside)]
        error = calibration_error(sure, [*hits, *[False] * len(outside)])
        found.append((right(inside, truth), right(outside, [None] * len(outside)), error))
    say(f"  ours {found[0]}, by words {found[1]}, cut {taggers.ours.bounds}")
    return found


def nine(result: Result, embedder: Embedder) -> None:
    """Nine capabilities asked about by sources that none of their exemplars are from."""
    asked = questions(DATA)
    texts, truth = [text for text, _ in asked], [name for _, name in asked]
    taught, topics = exemplars(DATA, result.seed), general_prompts()
    alone = both(taught, embedder)
    more = {
        name: [*mine, *(prompt for topic in ADOPTED.get(name, ()) for prompt in topics[topic])]
        for name, mine in taught.items()
    }
    fuller = both(more, embedder, [topic for mine in ADOPTED.values() for topic in mine])
    scores = [macro_f1(tagger.tag(texts), truth) for tagger in (*alone, *fuller)]
    ours, hits = fuller.ours.tag(texts), likeliest(fuller.ours, texts)
    error = calibration_error(
        [tag.confidence for tag in ours], [a == b for a, b in zip(hits, truth, strict=True)]
    )
    note = (
        "exemplars of six sets and shipped general prompts of 16 topics, asked about MT-Bench and Vicuna; F1 over "
        f"seven capabilities; {len(texts)} questions, of which {truth.count(None)} (roleplay) belong to none; "
        f"by words {scores[3]:.2f}; "
        f"without the general prompts ours {scores[0]:.2f}, by words {scores[1]:.2f}; "
        f"likeliest right {np.mean([a == b for a, b in zip(hits, truth, strict=True)]):.2f}, "
        f"calibration error {error:.2f}"
    )
    result.add(
        Figure("capability_macro_f1_unseen", scores[2], "F1", scores[2], scores[3], 0.75, "higher", note)
    )


def shipped(result: Result, embedder: Embedder) -> None:
    """The shipped brief: its items, the same a little changed, traffic that stands in no file; and the speed."""
    loaded = load_brief(SUPPORT / "brief.yaml")
    taggers = both({c.name: c.exemplars for c in loaded.brief.capabilities}, embedder)
    items = [(item.prompt, name) for name, mine in loaded.items.items() for item in mine]
    items = random.Random(result.seed).sample(items, min(len(items), 600 if result.quick else len(items)))
    truth = [name for _, name in items]
    changed = {
        "as they stand": [text for text, _ in items],
        '" Thanks!"': [f"{text} Thanks!" for text, _ in items],
        "lower case": [text.lower() for text, _ in items],
        "full stop": [text[:-1] if text.endswith(".") else f"{text}." for text, _ in items],
    }
    rates = {how: [right(tagger.tag(texts), truth) for tagger in taggers] for how, texts in changed.items()}
    worst = min(rates, key=lambda how: rates[how][0])
    note = f"{len(items)} items: {'; '.join(f'{how} {a:.3f} (by words {b:.3f})' for how, (a, b) in rates.items())}"
    result.add(
        Figure(
            "shipped_items_right",
            rates[worst][0],
            "fraction",
            rates[worst][0],
            rates[worst][1],
            None,
            "higher",
            note,
        )
    )
    lines = _traffic(400 if result.quick else 1600, result.seed)
    _rewordings(result, taggers, lines)
    _speed(result, taggers, changed, lines)


def _rewordings(result: Result, taggers: Both, lines: list[dict[str, Any]]) -> None:
    said = [[m["content"] for m in line["messages"] if m["role"] == "user"] for line in lines]
    truth = [line["truth"]["capability"] for line in lines]
    counts = []
    for tagger in taggers:
        tags = [tag.capability for tag in tag_conversations(tagger, said)]
        pairs = list(zip(tags, truth, strict=True))
        covered = [(tag, one) for tag, one in pairs if one is not None]
        counts.append(
            (
                np.mean([tag == one for tag, one in covered]),
                np.mean([tag not in (one, None) for tag, one in covered]),
                np.mean([tag is None for tag, one in pairs if one is None]),
            )
        )
    (mine, wrong, unknown), (theirs, their_wrong, their_unknown) = counts
    note = (
        f"{len(lines)} requests of examples/support/traffic.py, worded otherwise, several turns; wrong {wrong:.3f} "
        f"(by words {their_wrong:.3f}); of those that belong to none {unknown:.3f} stay unknown ({their_unknown:.3f})"
    )
    result.add(
        Figure(
            "shipped_rewordings_right",
            float(mine),
            "fraction",
            float(mine),
            float(theirs),
            None,
            "higher",
            note,
        )
    )


def _speed(result: Result, taggers: Both, changed: dict[str, list[str]], lines: list[dict[str, Any]]) -> None:
    draw, count = random.Random(result.seed), 1000 if result.quick else 4000
    alike = draw.sample([text for texts in changed.values() for text in texts], count * 7 // 10)
    otherwise = [line["messages"][-1]["content"] for line in lines]
    otherwise = [draw.choice(otherwise) for _ in range(count // 5)]
    mixed = [*alike, *otherwise]
    mixed += draw.sample(mixed, count - len(mixed))
    draw.shuffle(mixed)
    parts = {"worded as exemplars are": alike, "worded otherwise": sorted(set(otherwise))}
    taggers.ours.tag(["load the encoder please"])
    taggers.ours.space.embedder.forget()
    ours, theirs = per_second(taggers.ours, mixed), per_second(taggers.words, mixed)
    note = []
    for name, texts in parts.items():
        taggers.ours.space.embedder.forget()
        note.append(f"{name} {per_second(taggers.ours, texts):,.0f}")
    result.add(
        Figure(
            "tags_per_second",
            ours,
            "1/s",
            ours,
            theirs,
            1000.0,
            "higher",
            f"CPU time of one core, batches of 100; {len(mixed)} prompts of the shipped brief, seven in ten worded "
            f"as its exemplars are, two otherwise or of strangers, one a repeat; alone: {', '.join(note)}",
        )
    )


def _traffic(count: int, seed: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "traffic.jsonl"
        command = [sys.executable, str(SUPPORT / "traffic.py"), "--count", str(count), "--seed", str(seed)]
        subprocess.run([*command, "--out", str(out)], check=True)
        return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def _range(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    options = arguments(__doc__ or "")
    result = Result("tagger", options.quick, options.seed)
    if not Embedder.installed():
        result.miss("all", "the package with the sentence encoder is not installed")
        finish(result, as_json=options.json)
        return
    embedder = Embedder()
    for measure, names in (
        (domains, ("clinc_in_scope_accuracy", "clinc_out_of_scope_recall", "calibration_error")),
        (nine, ("capability_macro_f1_unseen",)),
    ):
        if DATA.is_dir():
            measure(result, embedder)
        else:
            for name in names:
                result.miss(name, f"there are no data in {DATA}")
    shipped(result, embedder)
    finish(result, as_json=options.json)


if __name__ == "__main__":
    main()
