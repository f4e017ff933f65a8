"""Only what the tagger leaves unknown is grouped, and shares are those of all traffic."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evaluator.judge.tagging.tagger import Tag
from evaluator.map.discovering.exchanges import Exchange
from evaluator.map.discovering.gathering import Asked
from evaluator.map.discovering.uncovered import suggest
from telemetry.errors import UsageError

THINGS = ("rope", "tent", "stove", "lamp", "axe", "mat", "pot", "bag", "sling", "screw", "boot", "map")
POEMS = [f"Compose a short poem about a {thing} in the rain" for thing in THINGS]
TONGUES = [f"Translate the word {thing} into German please" for thing in THINGS]
KNOWN = [f"Where is the refund for the {thing}?" for thing in THINGS for _ in range(2)]


class Refunds:
    def tag(self, prompts: Sequence[str]) -> list[Tag]:
        return [Tag("support" if "refund" in prompt else None, 0.9) for prompt in prompts]


def asked(prompts: Sequence[str]) -> list[Asked]:
    return [Asked(Exchange(prompt, subject=f"user-{n}"), touched=False) for n, prompt in enumerate(prompts)]


def test_unknown_traffic_becomes_candidates_with_names_shares_and_exemplars() -> None:
    found = suggest(asked([*POEMS, *TONGUES, *KNOWN]), Refunds(), "refunds@1", most=4)
    assert (found.queries, found.unknown, found.tagger) == (48, 24, "refunds@1")
    assert len(found.capabilities) == 2
    assert sum(one.share for one in found.capabilities) == pytest.approx(0.5)
    groups = {frozenset(prompt.split()[0] for prompt in one.exemplars) for one in found.capabilities}
    assert groups == {frozenset({"Compose"}), frozenset({"Translate"})}
    assert not any("refund" in prompt for one in found.capabilities for prompt in one.exemplars)


def test_too_little_unknown_traffic_is_not_grouped() -> None:
    with pytest.raises(UsageError, match="different prompts"):
        suggest(asked([*POEMS[:3], *KNOWN]), Refunds(), "refunds@1", most=4)
