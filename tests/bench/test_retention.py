"""The retention benchmark's own rules: who is compared where, and what may be learnt from."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from _retention import data
from _retention import table as tables
from _retention.targets import INTENTS, TOPICS


def _table(**rows):
    capabilities = [
        SimpleNamespace(name="intent", threshold=0.05, chance=0.0),
        SimpleNamespace(name="facts", threshold=0.08, chance=0.0),
        SimpleNamespace(name="sums", threshold=0.1, chance=0.0),
        SimpleNamespace(name="guessed", threshold=0.1, chance=0.5),
    ]
    lab = SimpleNamespace(loaded=SimpleNamespace(brief=SimpleNamespace(capabilities=capabilities)))
    base = {"intent": [0.0], "facts": [1.0, 0.6], "sums": [0.5], "guessed": [0.55]}
    made = tables.Table(lab, base)
    for name, (intent, facts, sums) in rows.items():
        made.add(name, [{"intent": [intent], "facts": [facts], "sums": [sums], "guessed": [0.0]}])
    return made


def test_what_base_hardly_has_is_not_watched():
    assert _table().watched == ["facts", "sums"]


def test_a_gain_makes_up_for_no_loss():
    made = _table(best=(0.9, 0.4, 1.0))
    assert made.losses("best") == {"facts": pytest.approx(0.5), "sums": pytest.approx(-1.0)}
    assert made.retention("best") == pytest.approx(1.0 - 0.25)


def test_over_is_a_drop_of_the_mean_beyond_the_threshold():
    assert _table(best=(0.9, 0.72, 0.4)).over("best") == []
    assert _table(best=(0.9, 0.71, 0.39)).over("best") == ["facts", "sums"]


def test_lora_is_compared_where_it_has_gained_as_much():
    made = _table(lora=(0.8, 0.0, 0.5), lora_30=(0.4, 0.4, 0.5), ewc=(0.6, 0.4, 0.5))
    kept, plain, _ = tables.at_equal_target(made, "ewc")
    assert kept == pytest.approx(0.75)
    assert plain == pytest.approx((0.75 + 0.5) / 2)


def test_no_template_is_on_two_sides_of_the_split():
    if data.missing():
        pytest.skip("the data sets are not beside this checkout")
    parts = {part: {m.template for m in INTENTS.messages(part)} for part in ("train", "tune", "test")}
    assert all(len(templates) > 100 for templates in parts.values())
    assert not parts["train"] & parts["test"]
    assert not parts["train"] & parts["tune"]
    assert not parts["tune"] & parts["test"]


def test_no_request_is_learnt_and_asked():
    if data.missing():
        pytest.skip("the data sets are not beside this checkout")
    for target in (INTENTS, TOPICS):
        parts = {part: {m.text for m in target.messages(part)} for part in ("train", "tune", "test")}
        assert all(len(texts) > 300 for texts in parts.values())
        assert not parts["train"] & (parts["tune"] | parts["test"])
