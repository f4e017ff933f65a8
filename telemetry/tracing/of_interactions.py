"""The spans of an interaction up to Kafka, made of its record when the broker has it: router, engines, spool, sending.

    client's span -> POST /v1/chat/completions (router) -> chat m (an engine) -> the engine's own span
                                                        -> spool -> send belay.interactions -> ...

The router's span begins when the interaction did. An engine is asked at once, so that a little of the router's own time
counts as the engine's; an engine that answers for a candidate that failed is asked when that had failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from telemetry import topics
from telemetry.events import Answer, InteractionRecorded, ShadowAnswered
from telemetry.tracing.context import Context, Role, Sampling, context_of, role_id, step_id, trace_of
from telemetry.tracing.spans import Attribute, Span, known, ns

ROUTER: Final = "belay-router"
_PATHS: Final = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}
_OPERATIONS: Final = {"chat": "chat", "completions": "text_completion"}
_PARAMETERS: Final = {
    "gen_ai.request.max_tokens": ("max_completion_tokens", "max_tokens"),
    "gen_ai.request.temperature": ("temperature",),
    "gen_ai.request.top_p": ("top_p",),
    "gen_ai.request.frequency_penalty": ("frequency_penalty",),
    "gen_ai.request.presence_penalty": ("presence_penalty",),
    "gen_ai.request.seed": ("seed",),
    "gen_ai.request.choice.count": ("n",),
}
"""Numbers alone: `stop`, tools and formats are texts of users."""
_BREAKER: Final = "breaker"


def sent_context(event: InteractionRecorded | ShadowAnswered, sampling: Sampling) -> Context:
    """The span of sending an event's record, below which whoever reads it goes on."""
    return _trace(event, sampling).beside(step_id("send", event.event_id))


def _trace(event: InteractionRecorded | ShadowAnswered, sampling: Sampling) -> Context:
    whole = event.interaction_id if isinstance(event, ShadowAnswered) else event.event_id
    return trace_of(whole, event.traceparent, sampling)


def spans_of(
    event: InteractionRecorded | ShadowAnswered, sampling: Sampling, sent: tuple[int, int]
) -> Iterator[Span]:
    """The spans of an event whose record was sent from `sent[0]` to `sent[1]` (ns since 1970); none if not sampled."""
    if not _trace(event, sampling).sampled:
        return
    if isinstance(event, ShadowAnswered):
        yield from _of_shadow(event, sampling, sent)
    else:
        yield from _of_interaction(event, sampling, sent)


def _of_interaction(event: InteractionRecorded, sampling: Sampling, sent: tuple[int, int]) -> Iterator[Span]:
    router, answer = _trace(event, sampling), event.answer
    begins = ns(event.time)
    asked = begins + _ns(event.fell_back_ms or 0.0)
    ends = asked + _ns(answer.total_ms)
    yield _router(event, router, context_of(event.traceparent), begins, ends)
    if event.fallback is not None and event.fallback != _BREAKER:
        yield _engine(
            event,
            router,
            "candidate",
            begins,
            asked,
            {"error.type": event.fallback, "belay.arm": "candidate"},
        )
    yield _engine(event, router, answer.served_by, asked, ends, _answered(answer, event))
    yield Span(
        "spool",
        "internal",
        router.beside(step_id("spool", event.event_id)),
        router,
        ends,
        max(ends, sent[0]),
        _place(event),
    )
    yield _sending(event, router, sampling, sent)


def _of_shadow(event: ShadowAnswered, sampling: Sampling, sent: tuple[int, int]) -> Iterator[Span]:
    router, answer = _trace(event, sampling), event.shadow
    ends = ns(event.time)
    own = router.beside(role_id(event.interaction_id, "shadow"))
    yield Span(
        "shadow",
        "client",
        own,
        router,
        ends - _ns(answer.total_ms),
        ends,
        _answered(answer) | {"belay.shadow": True},
        failed=_failed(answer) is not None,
        service=ROUTER,
        instance=event.source,
    )
    yield _sending(event, own, sampling, sent)


def _router(event: InteractionRecorded, own: Context, parent: Context | None, begins: int, ends: int) -> Span:
    path, status = _PATHS[event.endpoint], event.answer.status
    return Span(
        f"POST {path}",
        "server",
        own,
        parent,
        begins,
        ends,
        known(
            {
                "http.request.method": "POST",
                "http.route": path,
                "http.response.status_code": status or None,
                "error.type": _failed(event.answer) if status >= 500 or status == 0 else None,
                "belay.interaction.id": event.event_id,
                "belay.request.id": event.request_id,
                "belay.rollout.id": event.rollout_id,
                "belay.rollout.stage": event.assignment.stage,
                "belay.rollout.share": event.assignment.share,
                "belay.arm": event.assignment.arm,
                "belay.fallback": event.fallback,
                "belay.client_left": event.client_left or None,
            }
        ),
        failed=status >= 500 or status == 0,
        service=ROUTER,
        instance=event.source,
    )


def _engine(
    event: InteractionRecorded,
    router: Context,
    role: Role,
    begins: int,
    ends: int,
    told: dict[str, Attribute],
) -> Span:
    operation = _OPERATIONS[event.endpoint]
    asked = {
        "gen_ai.operation.name": operation,
        # The flavour of the interface; whose model it is the name tells.
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": event.model or None,
        "gen_ai.request.stream": event.streamed or None,
        **{name: _number(event.parameters, keys) for name, keys in _PARAMETERS.items()},
    }
    return Span(
        f"{operation} {event.model}".strip(),
        "client",
        router.beside(role_id(event.event_id, role)),
        router,
        begins,
        ends,
        known(asked) | told,
        failed="error.type" in told,
        service=ROUTER,
        instance=event.source,
    )


def _answered(answer: Answer, event: InteractionRecorded | None = None) -> dict[str, Attribute]:
    """What is known of an answer but for its text; an error's words may be the engine's, with a user's in them."""
    first = answer.first_byte_ms if event is not None and event.streamed else None
    return known(
        {
            "belay.arm": answer.served_by,
            "belay.retried": answer.retried,
            "gen_ai.response.finish_reasons": (answer.finish_reason,) if answer.finish_reason else None,
            "gen_ai.response.time_to_first_chunk": first / 1000.0 if first is not None else None,
            "gen_ai.usage.input_tokens": answer.prompt_tokens,
            "gen_ai.usage.output_tokens": answer.completion_tokens,
            "http.response.status_code": answer.status or None,
            "error.type": _failed(answer),
        }
    )


def _failed(answer: Answer) -> str | None:
    """A word for how an answer failed, None where it did not."""
    if answer.status >= 400:
        return str(answer.status)
    return "failed" if answer.error is not None else None


def _sending(
    event: InteractionRecorded | ShadowAnswered, parent: Context, sampling: Sampling, sent: tuple[int, int]
) -> Span:
    return Span(
        f"send {topics.INTERACTIONS}",
        "producer",
        sent_context(event, sampling),
        parent,
        *sent,
        {
            "messaging.system": "kafka",
            "messaging.destination.name": topics.INTERACTIONS,
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "belay.event.id": event.event_id,
        },
    )


def _place(event: InteractionRecorded) -> dict[str, Attribute]:
    place = event.spooled
    if place is None:
        return {}
    return {
        "belay.spool.id": place.spool,
        "belay.spool.segment": place.segment,
        "belay.spool.offset": place.offset,
    }


def _number(parameters: dict[str, Any], keys: tuple[str, ...]) -> float | int | None:
    for key in keys:
        value = parameters.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    return None


def _ns(milliseconds: float) -> int:
    return round(milliseconds * 1e6)
