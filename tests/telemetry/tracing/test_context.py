from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telemetry.events import new_id
from telemetry.tracing.context import (
    Context,
    Role,
    Sampling,
    context_of,
    is_sampled,
    role_id,
    step_id,
    trace_of,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ROLES: tuple[Role, ...] = ("router", "control", "candidate", "shadow")


def client(flags: str) -> str:
    return f"00-{TRACE}-{SPAN}-{flags}"


def test_a_client_that_names_its_trace_is_followed_in_it_and_any_other_interaction_is_one_of_its_own() -> (
    None
):
    own, named = trace_of(new_id(), None, Sampling()), trace_of(new_id(), client("01"), Sampling())
    assert (named.trace_id, named.sampled) == (TRACE, True)
    assert own.sampled
    interaction = new_id()
    assert trace_of(interaction, None, Sampling()).trace_id == interaction
    assert trace_of(interaction, "nonsense", Sampling()).trace_id == interaction


def test_a_client_that_does_not_keep_its_trace_is_followed_in_that_too() -> None:
    for ratio in (0.0, 1.0):
        assert not trace_of(new_id(), client("00"), Sampling(ratio)).sampled
        assert trace_of(new_id(), client("03"), Sampling(ratio)).sampled
    assert trace_of(new_id(), client("00"), Sampling(1.0, follows_client=False)).sampled


def test_of_traces_that_nobody_named_a_ratio_is_kept_and_a_larger_one_keeps_those_too() -> None:
    traces = [new_id() for _ in range(4_000)]
    kept = {ratio: {one for one in traces if Sampling(ratio).keeps(one, None)} for ratio in (0.1, 0.5)}
    # 4,000 draws: 5 standard deviations are 95 and 158.
    assert abs(len(kept[0.1]) - 400) < 95
    assert abs(len(kept[0.5]) - 2_000) < 158
    assert kept[0.1] < kept[0.5]
    assert not any(Sampling(0.0).keeps(one, None) for one in traces)
    assert all(Sampling(1.0).keeps(one, None) for one in traces)


def test_the_rule_is_that_of_the_standard() -> None:
    # https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/: at 25%, T is c0000000000000.
    at = Sampling(0.25)
    assert at.keeps("0" * 18 + "c0000000000000", None)
    assert not at.keeps("f" * 18 + "bfffffffffffff", None)


@given(st.text(max_size=40))
def test_a_record_that_somebody_else_wrote_has_a_trace_too(event_id: str) -> None:
    own = trace_of(event_id, None, Sampling(0.5))
    assert context_of(own.traceparent) == own
    assert context_of(own.beside(role_id(event_id, "shadow")).traceparent) is not None


def test_spans_of_one_interaction_have_ids_of_their_own_that_anybody_can_tell() -> None:
    for _ in range(200):
        interaction = new_id()
        ids = [role_id(interaction, role) for role in ROLES]
        ids += [step_id(step, interaction) for step in ("send", "process", "judge")]
        assert len(set(ids)) == len(ids)
        assert all(context_of(Context(TRACE, one).traceparent) == Context(TRACE, one) for one in ids)
    assert step_id("send", "a") == step_id("send", "a") != step_id("send", "b")


@given(st.text(alphabet="0123456789abcdef-", max_size=60) | st.text(max_size=60))
def test_whatever_is_no_traceparent_names_no_span(text: str) -> None:
    found = context_of(text)
    assert found is None or text.startswith(f"00-{found.trace_id}-{found.span_id}-")


def test_the_last_bit_says_whether_a_trace_is_kept() -> None:
    assert [flags for flags in ("00", "01", "02", "ff") if is_sampled(client(flags))] == ["01", "ff"]
