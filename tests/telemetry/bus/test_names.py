"""What topics and groups are called where several share a broker."""

from __future__ import annotations

import pytest

from telemetry import topics
from telemetry.bus.names import Names


@pytest.mark.parametrize("namespace", ["belay", "shop", "a.b", "belay.two"])
def test_every_topic_comes_back_under_its_own_name(namespace: str) -> None:
    names = Names(namespace)
    for topic in topics.TOPICS:
        assert names.topic(topic.name).startswith(f"{namespace}.")
        assert names.ours(names.topic(topic.name)) == topic.name


def test_no_topic_and_no_group_of_one_namespace_is_one_of_another() -> None:
    seen = [Names(name) for name in ("belay", "shop", "shop2", "belay.shop")]
    called = [names.topic(topic.name) for names in seen for topic in topics.TOPICS]
    assert len(set(called)) == len(called)
    assert len({names.group("belay-scorer") for names in seen}) == len(seen)


def test_without_a_namespace_of_ones_own_groups_keep_their_names_and_so_what_they_committed() -> None:
    assert Names().group("belay-scorer") == "belay-scorer"


def test_a_topic_that_is_not_ours_stays_as_it_is() -> None:
    assert Names("shop").topic("orders") == "orders"
    assert Names("shop").ours("orders") == "orders"
