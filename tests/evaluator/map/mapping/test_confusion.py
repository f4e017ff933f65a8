"""What the tagger confuses is counted on exemplars that it was not taught."""

from __future__ import annotations

from collections.abc import Sequence

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.tagging.tagger import Tag
from evaluator.map.mapping.confusion import FOLDS, held_out
from tests.evaluator.support.briefs import brief, capability

SUMS = tuple(f"What is {n} plus {n + 2}?" for n in range(10))
REPLIES = tuple(
    f"Where is the refund for the {thing}?" for thing in ("rope", "tent", "stove", "lamp", "mat", "axe")
)


class Knows:
    """Tags what it was taught as such, and everything else as the capability that it was taught most of."""

    def __init__(self, loaded: LoadedBrief) -> None:
        self.taught = {e: c.name for c in loaded.brief.capabilities for e in c.exemplars}
        self.seen.append(len(self.taught))

    seen: list[int] = []  # noqa: RUF012 - one list for all folds, which the test reads

    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        assert not set(prompts) & set(self.taught), "an exemplar is held out from whoever tags it"
        return [Tag(None if "tent" in p else "sums" if "plus" in p else "support", 1.0) for p in prompts]


def test_each_exemplar_is_tagged_once_by_a_tagger_that_was_not_taught_it() -> None:
    loaded = brief(
        capability("support", role="target", exemplars=REPLIES), capability("sums", exemplars=SUMS), items=1
    )
    Knows.seen.clear()
    found = held_out(loaded, Knows)
    assert found is not None
    assert found.counts == ((5, 0, 1), (0, 10, 0))
    assert (found.total, found.right, found.untagged) == (16, 15 / 16, 1 / 16)
    assert len(Knows.seen) == found.folds == FOLDS
    assert sum(16 - n for n in Knows.seen) == 16


def test_few_exemplars_make_fewer_folds_and_a_single_one_makes_none() -> None:
    three = brief(
        capability("support", role="target", exemplars=REPLIES[:3]), capability("sums", exemplars=SUMS)
    )
    found = held_out(three, Knows)
    assert found is not None
    assert found.folds == 3
    assert held_out(brief(), Knows) is None


def test_the_real_tagger_is_held_out_the_same_way() -> None:
    loaded = brief(
        capability("support", role="target", exemplars=REPLIES), capability("sums", exemplars=SUMS), items=1
    )
    said: list[tuple[int, int, str]] = []
    found = held_out(loaded, progress=lambda *done: said.append(done))
    assert found is not None
    assert found.right > 0.6
    assert said[-1][:2] == (FOLDS, FOLDS)
