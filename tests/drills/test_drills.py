"""The short drills, on the best broker that there is. All of them, and the long ones: `make drills`, `drills-long`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills.brokers import Broker, a_broker, kind_of_broker
from tests.drills.catalogue import short_drills
from tests.drills.scenario import Scenario, carry_out


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if not kind_of_broker():
        pytest.skip("there is neither an Apache Kafka nor an embedded broker here")
    with a_broker(tmp_path_factory.mktemp("drills") / "kafka") as found:
        yield found


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("scenario", short_drills(), ids=lambda scenario: scenario.name)
def test_nothing_is_lost_or_counted_twice(scenario: Scenario, broker: Broker, tmp_path: Path) -> None:
    outcome = carry_out(scenario, broker, tmp_path / "run")
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert not outcome.wrong, outcome
