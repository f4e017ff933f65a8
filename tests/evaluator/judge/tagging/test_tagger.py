"""The tagger learns from exemplars alone and stays silent where it is not sure."""

from __future__ import annotations

import pytest

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.tagging.tagger import THRESHOLD, Tag, Tagger
from telemetry.errors import BriefError
from tests.evaluator.support.briefs import brief, capability

REPLIES = tuple(
    f"I sent the {thing} back, where is my refund?" for thing in ("rope", "tent", "stove", "lamp")
)
SUMS = tuple(f"What is {n} + {n + 2}?" for n in range(3, 9))


def loaded(sums: tuple[str, ...] = SUMS) -> LoadedBrief:
    return brief(
        capability("support", role="target", exemplars=REPLIES), capability("sums", exemplars=sums), items=1
    )


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger.fit(loaded())


def test_prompts_like_the_exemplars_get_their_capability(tagger: Tagger) -> None:
    tags = tagger.tag(["What is 11 + 12?", "Where is the refund for the helmet I sent back?"])
    assert [tag.capability for tag in tags] == ["sums", "support"]
    assert all(THRESHOLD <= tag.confidence <= 1.0 for tag in tags)


def test_below_the_threshold_a_prompt_is_untagged() -> None:
    # Four capabilities that share no scrap with the prompt leave it at a quarter each.
    four = Tagger.fit(brief(items=1))
    tag = four.tag(["\u6f22\u5b57"])[0]
    assert tag.capability is None
    assert tag.confidence < THRESHOLD


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_an_empty_prompt_is_untagged(tagger: Tagger, prompt: str) -> None:
    assert tagger.tag([prompt]) == [Tag(None, 0.0)]


def test_a_batch_is_tagged_as_its_prompts_are_one_by_one(tagger: Tagger) -> None:
    prompts = [*REPLIES, *SUMS, "hello"]
    alone = [tagger.tag([prompt])[0] for prompt in prompts]
    assert [t.capability for t in tagger.tag(prompts)] == [t.capability for t in alone]
    assert [t.confidence for t in tagger.tag(prompts)] == pytest.approx([t.confidence for t in alone])
    assert tagger.tag([]) == []


def test_a_very_long_prompt_is_read_at_its_ends(tagger: Tagger) -> None:
    assert tagger.tag([f"What is 4 + 5? {'x' * 1_000_000} What is 4 + 5?"])[0].capability == "sums"


def test_the_same_exemplars_give_the_same_version_and_the_same_tags(tagger: Tagger) -> None:
    again = Tagger.fit(loaded())
    assert again.version == tagger.version
    assert again.tag(list(REPLIES)) == tagger.tag(list(REPLIES))


def test_the_version_changes_with_the_exemplars(tagger: Tagger) -> None:
    assert Tagger.fit(loaded((*SUMS, "What is 1 + 1?"))).version != tagger.version


def test_one_capability_alone_cannot_be_told_apart() -> None:
    with pytest.raises(BriefError, match="at least two capabilities"):
        Tagger.fit(brief(capability("support", role="target"), items=1))
