"""Interactions of the log as exchanges: the router has applied its text policy, and what it kept is used as it is."""

from __future__ import annotations

from collections.abc import Iterator

from evaluator.map.discovering.exchanges import LONGEST, Exchange
from evaluator.map.discovering.gathering import Heard
from telemetry import codec
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Bus
from telemetry.errors import UnreadableRecord
from telemetry.events import InteractionRecorded

HASHED = "hashed text"


def topic_exchanges(bus: Bus, topic: str) -> Iterator[Heard]:
    """Every interaction up to the topic's end as it is now. Raises BrokerUnavailable, InfrastructureError (no topic).

    An interaction that is read twice counts once. Hashed text is no text: it is refused, interaction by interaction.
    """
    seen: set[str] = set()
    with bus.reader([topic]) as reader:
        for record in read_to_end(reader):
            where = f"partition {record.partition}, offset {record.offset}"
            try:
                event = codec.decode(record)
            except UnreadableRecord as error:
                yield Heard(where, broken=error.message)
                continue
            if not isinstance(event, InteractionRecorded):
                yield Heard(where, broken=f"no interaction, but {event.TYPE}")
            elif event.event_id not in seen:
                seen.add(event.event_id)
                yield _heard(event, where)


def _heard(event: InteractionRecorded, where: str) -> Heard:
    if event.text_policy == "hashed":
        return Heard(where, format="interactions", reason=HASHED)
    asked = [at for at, message in enumerate(event.messages) if message.role == "user"]
    text = event.messages[asked[-1]].content if asked else ""
    if not text.strip():
        return Heard(where, format="interactions", reason="no user's message")
    told = [m.content for m in event.messages if m.role in ("system", "developer")]
    before = any(m.role not in ("system", "developer") for m in event.messages[: asked[-1]])
    whole = len(text) <= LONGEST
    # A subject without identity never comes back: each of its queries is a subject of its own.
    known = event.assignment.subject_source not in ("request", "api_key")
    exchange = Exchange(
        prompt=text if whole else f"{text[: LONGEST // 2]} {text[-LONGEST // 2 :]}",
        answer=event.answer.text or None if event.answer.error is None else None,
        subject=f"{event.rollout_id}/{event.assignment.subject}" if known else None,
        system="\n".join(told) or None,
        alone=whole and not before,
    )
    return Heard(where, (exchange,), format="interactions")
