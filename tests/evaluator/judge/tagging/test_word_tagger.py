"""The word table says the same as the tagger nearly always, in a fraction of the time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.judge.tagging.general import general_prompts
from evaluator.judge.tagging.tagger import Tag, Tagger
from evaluator.judge.tagging.word_tagger import agreement, fit_table
from telemetry.errors import BriefError
from telemetry.word_table import NOBODY, WordTable
from tests.places import BRIEF


@pytest.fixture(scope="module")
def loaded() -> LoadedBrief:
    return load_brief(BRIEF)


def test_it_agrees_with_the_tagger_on_the_shipped_briefs_prompts(loaded: LoadedBrief) -> None:
    prompts = [item.prompt for items in loaded.items.values() for item in items][::7]
    assert agreement(fit_table(loaded), Tagger.fit(loaded), prompts) >= 0.97


def test_it_names_the_right_capability_of_prompts_it_was_not_taught(loaded: LoadedBrief) -> None:
    table = WordTable(fit_table(loaded))
    taught = {prompt for c in loaded.brief.capabilities for prompt in c.exemplars}
    new = [(i.prompt, name) for name, items in loaded.items.items() for i in items if i.prompt not in taught]
    right = sum(table.tag(prompt) == name for prompt, name in new)
    wrong = sum(table.tag(prompt) not in (name, None) for prompt, name in new)
    assert right / len(new) >= 0.95
    assert wrong / len(new) <= 0.01


def test_with_a_tagger_prompts_of_no_capability_are_learnt_and_nobody_is_never_named(
    loaded: LoadedBrief,
) -> None:
    class Nobody:
        """Says of every general prompt that it belongs to none."""

        def tag(self, prompts: Sequence[str]) -> list[Tag]:
            return [Tag(None, 0.0) for _ in prompts]

    file = fit_table(loaded, Nobody())
    table, before = WordTable(file), WordTable(fit_table(loaded))
    assert NOBODY in file.capabilities
    assert table.capabilities == before.capabilities
    items = [(item.prompt, name) for name, items in loaded.items.items() for item in items][::7]
    assert sum(table.tag(prompt) == name for prompt, name in items) / len(items) >= 0.95
    general = [prompt for prompts in general_prompts().values() for prompt in prompts]
    assert sum(table.tag(p) is None for p in general) > sum(before.tag(p) is None for p in general)
    assert NOBODY not in {table.tag(prompt) for prompt in general}


@pytest.mark.parametrize("prompt", ["", "xyzzy plugh", "Tell me a joke about cats"])
def test_what_is_like_nothing_it_was_taught_has_no_tag(loaded: LoadedBrief, prompt: str) -> None:
    assert WordTable(fit_table(loaded)).tag(prompt) is None


def test_the_same_brief_gives_the_same_table_and_another_one_another(loaded: LoadedBrief) -> None:
    table = fit_table(loaded)
    assert fit_table(loaded) == table
    fewer = loaded.brief.model_copy(update={"capabilities": loaded.brief.capabilities[:2]})
    two = fit_table(loaded.model_copy(update={"brief": fewer}))
    assert two.version != table.version
    assert len(two.capabilities) == 2
    assert {WordTable(two).tag(c.exemplars[0]) for c in fewer.capabilities} == set(two.capabilities)


def test_one_capability_cannot_be_told_from_nothing(loaded: LoadedBrief) -> None:
    one = loaded.brief.model_copy(update={"capabilities": loaded.brief.capabilities[:1]})
    with pytest.raises(BriefError, match="at least two"):
        fit_table(loaded.model_copy(update={"brief": one}))
