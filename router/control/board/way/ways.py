"""An interaction's way as control tells it: looked up, with what the board knows of its rollout, its texts or none."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Final

from router.control.board.tail.ring import Ring
from router.control.board.texts import NoTexts
from router.control.board.view import View
from router.control.board.way.finding import Finder, Trail
from router.control.board.way.stages import fed_by, stages
from router.control.board.way.told import Way
from telemetry.bus.protocols import Bus
from telemetry.errors import InfrastructureError
from telemetry.events import Answer, Arm, ScoreRecorded, Weighed

AT_ONCE: Final = 2
"""Searches at a time: each reads for up to ten seconds."""
WITHHELD: Final = "What was asked and answered is shown to operators, and to everybody where it weighed most."


class Busy(InfrastructureError):
    """Others are searching; in a moment it may be done."""

    retriable = True


class Ways:
    """Looks up interactions; `ring` and `view` know where some of them lie."""

    def __init__(self, bus: Bus | None, view: View, ring: Ring) -> None:
        self._bus, self._view, self._ring = bus, view, ring
        self._room = threading.BoundedSemaphore(AT_ONCE)

    def way(self, interaction_id: str, *, texts: bool) -> Way:
        """An interaction from its request on. Raises NoTexts, Busy, BrokerUnavailable.

        Without `texts` its texts are told only where it is among those that weighed most.
        """
        if self._bus is None:
            raise NoTexts("this control has no broker, and interactions are nowhere else")
        weighed = self._view.heavy(interaction_id)
        row = self._ring.find(interaction_id)
        place = row.where if row is not None else weighed.logged if weighed is not None else None
        if not self._room.acquire(blocking=False):
            raise Busy(f"{AT_ONCE} searches are under way", hint="Ask again in some seconds.")
        try:
            finder = Finder(self._bus, interaction_id)
            trail = finder.find(place, row.scored_at if row is not None else None)
        finally:
            self._room.release()
        return self._told(trail, weighed, shown=texts or weighed is not None)

    def _told(self, trail: Trail, weighed: Weighed | None, *, shown: bool) -> Way:
        if trail.score is not None and not shown:
            # A judge's own words may repeat what it judged.
            trail = replace(trail, score=trail.score.model_copy(update={"unscored_why": None}))
        one, score = trail.interaction, trail.score
        who = one.assignment
        counted_to, decisions = self._view.evidence_of(one.rollout_id)
        fed = () if score is None or trail.score_at is None else fed_by(score, trail.score_at, decisions)
        control, candidate = values(trail.graded or score)
        return Way(
            interaction_id=one.event_id,
            rollout_id=one.rollout_id,
            at=one.time,
            router=one.source,
            endpoint=one.endpoint,
            model=one.model,
            streamed=one.streamed,
            text_policy=one.text_policy,
            arm=who.arm,
            share=who.share,
            stage=who.stage,
            revision=who.revision,
            subject=who.subject,
            subject_source=who.subject_source,
            fallback=one.fallback,
            client_left=one.client_left,
            request_id=one.request_id,
            traceparent=one.traceparent,
            stages=stages(trail, counted_to, fed),
            fed=fed,
            capability=score.capability if score is not None else None,
            control_value=control,
            candidate_value=candidate,
            factor=weighed.factor if weighed is not None else None,
            earlier=trail.earlier,
            withheld=None if shown else WITHHELD,
            messages=one.messages if shown else None,
            control=_answer(trail, "control", shown=shown),
            candidate=_answer(trail, "candidate", shown=shown),
        )


def values(score: ScoreRecorded | None) -> tuple[float | None, float | None]:
    """What control's and the candidate's answers are worth."""
    if score is None:
        return None, None
    mine, other = score.value, score.other_value
    return (mine, other) if score.assignment.arm == "control" else (other, mine)


def _answer(trail: Trail, arm: Arm, *, shown: bool) -> Answer | None:
    """What this arm answered. A fallback's answer is base's, though the candidate was assigned."""
    one = trail.interaction
    shadow = trail.shadow.shadow if trail.shadow is not None else one.shadow
    found = next((a for a in (one.answer, shadow) if a is not None and a.served_by == arm), None)
    if found is None or shown:
        return found
    return found.model_copy(update={"text": "", "tool_calls": None})
