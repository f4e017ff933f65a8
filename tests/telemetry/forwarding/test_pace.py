from hypothesis import given
from hypothesis import strategies as st

from telemetry.forwarding.pace import LONGEST_S, Pace


@given(rate=st.floats(17_500, 1e9), record=st.integers(100, 1_000_000))
def test_whatever_the_link_carries_in_the_longest_time_gets_through_in_a_few_tries(
    rate: float, record: int
) -> None:
    pace = Pace(4 << 20, 10.0)
    for _tries in range(16):
        batch = max(record, pace.bytes)
        if batch <= rate * pace.flush_s:
            break
        pace.failed(batch)
    else:
        raise AssertionError(f"{batch} bytes in {pace.flush_s} s")


@given(st.lists(st.booleans(), max_size=40))
def test_a_link_that_is_well_again_has_whole_batches_again(outcomes: list[bool]) -> None:
    pace = Pace(4 << 20, 10.0)
    for well in outcomes:
        if well:
            pace.succeeded()
        else:
            pace.failed(pace.bytes)
        assert 1 <= pace.bytes <= 4 << 20
        assert 10.0 <= pace.flush_s <= LONGEST_S
    for _ in range(30):
        pace.succeeded()
    assert (pace.bytes, pace.flush_s) == (4 << 20, 10.0)
