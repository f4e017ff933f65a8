from __future__ import annotations

import pytest

from evaluator.judge.judges.judge import Judge
from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.scoring import Scorer
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.events import Event
from telemetry.tracing.context import Sampling, role_id, step_id
from tests.evaluator.support.briefs import brief
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.logs import announced, publish, records
from tests.evaluator.support.scores import rollout
from tests.evaluator.watch.worker.test_decider import regression
from tests.evaluator.watch.worker.test_scoring import FirstWord
from tests.telemetry.tracing.kept import Kept

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WHOLE = "0123456789abcdef4123456789abcdef"


def scored(traces: Kept, *events: Event) -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    publish(bus, events)
    scorer = Scorer(bus, FirstWord(), Judge(brief()), traces=traces)
    while scorer.step(0.0):
        pass
    scorer.close()
    return bus


def decided(traces: Kept, traceparent: str | None = None) -> MemoryBus:
    bus = MemoryBus()
    bus.ensure_topics()
    scores = [score.model_copy(update={"traceparent": traceparent}) for score in regression()]
    publish(bus, [announced(rollout()), *scores])
    decider = Decider(bus, traces=traces)
    decider.restore()
    while decider.step(0.0):
        pass
    decider.close()
    return bus


def test_judging_hangs_below_the_sending_of_its_interaction() -> None:
    kept = Kept()
    one = interaction(given=answer("It is right0.")).model_copy(update={"event_id": WHOLE})
    bus = scored(kept, one)
    process, judge = kept.named("process belay.interactions"), kept.named("judge facts")
    assert process.parent is not None
    assert (process.parent.trace_id, process.parent.span_id) == (WHOLE, step_id("send", WHOLE))
    assert judge.parent == process.context
    assert process.start <= judge.start <= judge.end <= process.end
    assert process.attributes["messaging.kafka.offset"] == records(bus, topics.INTERACTIONS)[0].offset
    (result,) = judge.happened
    assert result.attributes["gen_ai.evaluation.score.value"] == 1.0
    assert [link.span_id for link in judge.links] == [role_id(WHOLE, one.answer.served_by)]


def test_what_could_not_be_scored_has_a_result_without_a_value_and_its_code() -> None:
    kept = Kept()
    scored(kept, interaction(given=answer("It is", finish_reason=None), client_left=True))
    (result,) = kept.named("judge facts").happened
    assert result.attributes == {
        "gen_ai.evaluation.name": "facts",
        "gen_ai.evaluation.score.label": "client_left",
        "belay.arm": "control",
    }


def test_what_nobody_could_tag_is_judged_by_nobody() -> None:
    kept = Kept()
    scored(kept, interaction(prompt="what is this about").model_copy(update={"event_id": WHOLE}))
    assert [span.name for span in kept.spans] == ["process belay.interactions"]
    assert kept.spans[0].attributes["belay.score.unscored"] == "untagged"


def test_nothing_is_told_of_a_trace_that_is_not_kept() -> None:
    kept = Kept(Sampling(0.0))
    scored(kept, interaction().model_copy(update={"event_id": WHOLE}))
    assert kept.spans == []


@pytest.mark.parametrize("client", [CLIENT, CLIENT[:-1] + "0"], ids=["kept", "not kept"])
def test_a_decision_goes_on_with_the_trace_that_it_fell_on_and_begins_one_where_that_is_not_kept(
    client: str,
) -> None:
    kept = Kept()
    bus = decided(kept, client)
    span = kept.named("decide roll_back")
    goes_on = client == CLIENT
    assert (span.parent is not None, span.context.trace_id == CLIENT[3:35]) == (goes_on, goes_on)
    assert span.context.sampled
    assert span.attributes["belay.evidence.blamed"] == ("facts",)
    assert {link.trace_id for link in span.links} == {CLIENT[3:35]}
    assert span.context in [codec.trace_in(record) for record in records(bus, topics.DECISIONS)]


def test_a_decider_that_was_started_anew_links_to_the_traces_that_clients_began_before_that() -> None:
    bus = MemoryBus()
    bus.ensure_topics()
    scores = [score.model_copy(update={"traceparent": CLIENT}) for score in regression()]
    kept = Kept()
    for traces, events in ((Kept(), [announced(rollout()), *scores[:130]]), (kept, scores[130:])):
        publish(bus, events)
        decider = Decider(bus, traces=traces)
        decider.restore()
        while decider.step(0.0):
            pass
        decider.close()
    links = kept.named("decide roll_back").links
    assert len(links) == 10
    assert {link.trace_id for link in links} == {CLIENT[3:35]}


def test_decisions_are_the_same_with_and_without_traces() -> None:
    traced, plain = decided(Kept()), decided(Kept(Sampling(0.0)))
    assert [record.value for record in records(traced, topics.DECISIONS)] == [
        record.value for record in records(plain, topics.DECISIONS)
    ]
