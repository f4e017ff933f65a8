"""Measured shares are written into the brief in place: they add up, and nothing else changes."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evaluator.map.mapping.brief_shares import UNIT, changes, rounded, shares_to_write, with_shares
from evaluator.map.mapping.mapping import Traffic, measure
from telemetry.errors import BriefError, UsageError
from tests.evaluator.map.mapping.test_mapping import SURE, counted
from tests.evaluator.support.briefs import brief, capability
from tests.places import BRIEF

SHIPPED = BRIEF
LOADED = brief(capability("support", role="target"), capability("sums"))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30).filter(lambda s: sum(s) > 0.01))
def test_rounded_shares_add_up_and_none_is_lost(shares: list[float]) -> None:
    found = rounded(shares)
    assert sum(found) == pytest.approx(1.0, abs=1e-9)
    assert min(found) >= UNIT
    # Beyond rounding, a share moves only by what the smallest were lifted to one unit.
    lifted = sum(max(0.0, UNIT - share / sum(shares)) for share in shares)
    assert all(abs(f - s / sum(shares)) <= UNIT + lifted + 1e-9 for f, s in zip(found, shares, strict=True))


def test_every_comment_and_line_of_the_shipped_brief_stays() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    names = [c["name"] for c in yaml.safe_load(text)["capabilities"]]
    shares = dict(zip(names, [0.5, *[0.05] * 8, 0.1], strict=True))
    after = with_shares(text, shares)
    assert {c["name"]: c["share"] for c in yaml.safe_load(after)["capabilities"]} == shares
    before_lines, after_lines = text.splitlines(), after.splitlines()
    changed = [b for b, a in zip(before_lines, after_lines, strict=True) if b != a]
    assert changed
    assert all(line.strip().startswith("share:") for line in changed)
    told = changes(text, shares)
    assert len(told) == len(changed)
    assert "support_reply: share 0.55 -> 0.5" in told[0]
    assert before_lines[int(told[0].split()[1]) - 1].strip() == "share: 0.55"
    assert changes(after, shares) == []


def test_a_share_behind_an_alias_is_not_touched() -> None:
    text = "capabilities:\n- {name: a, share: &x 0.5}\n- {name: b, share: *x}\n"
    with pytest.raises(BriefError, match="alias"):
        with_shares(text, {"a": 0.4, "b": 0.6})


def test_little_traffic_does_not_overwrite_what_people_wrote() -> None:
    for traffic in (counted(30, 20), Traffic(["support", "sums"])):
        with pytest.raises(UsageError, match=r"known to within \d+ points"):
            shares_to_write(measure(LOADED, traffic, "t@1", SURE))


def test_enough_traffic_gives_the_shares_to_write() -> None:
    found = shares_to_write(measure(LOADED, counted(1400, 600, 50), "t@1", SURE))
    assert found == {"support": pytest.approx(0.7, abs=0.002), "sums": pytest.approx(0.3, abs=0.002)}
