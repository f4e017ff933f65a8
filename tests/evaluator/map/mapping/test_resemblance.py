"""What no exemplar resembles stays untagged, whatever the tagger makes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.briefs.brief import load_brief
from evaluator.judge.tagging.tagger import Tag, Tagger
from evaluator.map.mapping.resemblance import UNLIKE, CautiousTagger, bar_of
from tests.evaluator.support.briefs import brief, capability
from tests.places import ROOT

CLINC = ROOT.parent / "shared" / "data" / "clinc150" / "data_full.json"
THINGS = ("rope", "tent", "stove", "lamp", "axe", "mat", "pot", "bag", "sling", "screw")
EXEMPLARS = {
    "support": tuple(f"Where is the refund for the {thing} that I sent back?" for thing in THINGS),
    "sums": tuple(f"What is {n} plus {n + 2}?" for n in range(10)),
}


class Sure:
    """Takes everything for a sum."""

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        return [Tag("sums", 0.99) for _ in prompts]


def test_a_sure_tag_of_what_no_exemplar_resembles_is_taken_back() -> None:
    cautious = CautiousTagger(Sure(), EXEMPLARS, "sure@1")
    plain, far, none = cautious.tag(
        ["What is 40 plus 41?", "Where does the train to Rome leave?", "\u6f22\u5b57"]
    )
    assert plain.capability == "sums"
    assert (far.capability, none.capability) == (None, None)
    assert far.confidence == 0.99
    assert cautious.tag([]) == []


def test_likeness_counts_to_the_exemplars_of_the_tag_alone() -> None:
    reply = EXEMPLARS["support"][0]
    assert CautiousTagger(Sure(), EXEMPLARS, "sure@1").tag([reply])[0].capability is None


def test_too_few_exemplars_set_no_bar() -> None:
    few = {name: prompts[:8] for name, prompts in EXEMPLARS.items()}
    assert CautiousTagger(Sure(), few, "sure@1").bars == {"support": 0.0, "sums": 0.0}


def test_the_version_tells_it_from_the_tagger_alone() -> None:
    loaded = brief(
        capability("support", role="target", exemplars=EXEMPLARS["support"]),
        capability("sums", exemplars=EXEMPLARS["sums"]),
    )
    assert CautiousTagger.fit(loaded).version != Tagger.fit(loaded).version


@given(st.lists(st.floats(0, 1), min_size=9, max_size=120))
def test_of_the_exemplars_themselves_at_most_the_promised_fraction_lies_below(likeness: list[float]) -> None:
    assert sum(alike < bar_of(likeness) for alike in likeness) <= UNLIKE * (len(likeness) + 1)


def test_a_new_likeness_lies_below_with_the_promised_chance_at_most() -> None:
    random = np.random.default_rng(3)
    below = [float(random.beta(8, 2)) < bar_of(random.beta(8, 2, size=40).tolist()) for _ in range(4000)]
    # floor(4.1)/41 = .0976; 4,000 draws leave half a point of noise.
    assert np.mean(below) == pytest.approx(4 / 41, abs=0.015)


@pytest.mark.skipif(not CLINC.is_file(), reason=f"no CLINC150 at {CLINC}")
def test_queries_that_have_nothing_to_do_with_the_shipped_brief_stay_untagged() -> None:
    loaded = load_brief(ROOT / "examples" / "support" / "brief.yaml")
    cautious = CautiousTagger.fit(loaded)
    queries = [text for text, _ in json.loads(CLINC.read_text(encoding="utf-8"))["oos_test"]][:400]
    assert np.mean([tag.capability is None for tag in cautious.tag(queries)]) > 0.85
    for name, items in loaded.items.items():
        tags = cautious.tag([item.prompt for item in items[:60]])
        assert np.mean([tag.capability == name for tag in tags]) > 0.75, name
