"""Traffic whose shares are known, a quarter of it off the brief, is measured as what it is."""

from __future__ import annotations

import json
import random

import pytest

from evaluator.briefs.brief import load_brief
from evaluator.map.mapping.confusion import held_out
from evaluator.map.mapping.mapping import Traffic, measure
from evaluator.map.mapping.resemblance import CautiousTagger
from telemetry.prompts import prompt_of
from tests.evaluator.support.interactions import interaction
from tests.places import ROOT

CLINC = ROOT.parent / "shared" / "data" / "clinc150" / "data_full.json"
QUERIES, OFF = 5000, 0.25


@pytest.mark.slow
@pytest.mark.skipif(not CLINC.is_file(), reason=f"no CLINC150 at {CLINC}")
def test_the_true_shares_lie_in_the_corrected_intervals() -> None:
    loaded = load_brief(ROOT / "examples" / "support" / "brief.yaml")
    cautious, dice = CautiousTagger.fit(loaded), random.Random(3)
    data = json.loads(CLINC.read_text(encoding="utf-8"))
    strange = [text for part in ("oos_val", "oos_test", "oos_train") for text, _ in data[part]]
    names = [c.name for c in loaded.brief.capabilities]
    shares = [c.share for c in loaded.brief.capabilities]
    asked = [None if dice.random() < OFF else dice.choices(names, shares)[0] for _ in range(QUERIES)]
    queries = [
        interaction(
            n, prompt=dice.choice(strange if name is None else [i.prompt for i in loaded.items[name]])
        )
        for n, name in enumerate(asked)
    ]
    traffic = Traffic(names)
    for one, tag in zip(queries, cautious.tag([prompt_of(q) for q in queries]), strict=True):
        assert traffic.usable(one)
        traffic.add(one, tag)
    found = measure(loaded, traffic, cautious.version, held_out(loaded))
    # Ten intervals of 95%: one that misses is no surprise, two would be.
    assert sum(c.contradicted for c in found.capabilities) <= 1
    assert found.elsewhere is not None
    assert found.elsewhere.low <= OFF <= found.elsewhere.high
