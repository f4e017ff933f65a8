"""The parts of the board, put together: what is known, how it comes, how it leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from router.control.actor import Control
from router.control.board.points import Folder, Histories, History
from router.control.board.reports.shelf import Shelf
from router.control.board.stream import Stream
from router.control.board.tail.tail import Tail
from router.control.board.texts import Library
from router.control.board.told import Overview, Rollout, Texts
from router.control.board.view import MOST_ROLLOUTS, View
from router.control.board.way.ways import Ways
from telemetry.bus.protocols import Bus
from telemetry.events import Answer, InteractionRecorded, LogPlace, Weighed

FOLDER: Final = "board"


class Board:
    """What the page is told about one control.

    `folder` is control's run folder; without it the paths of the evidence end with the process. `models` is where the
    model folders lie, beside which audits and trainings are looked for.
    """

    def __init__(
        self,
        control: Control,
        bus: Bus | None = None,
        folder: Path | None = None,
        models: Path | None = None,
    ) -> None:
        histories: Histories = _in_memory if folder is None else Folder(folder / FOLDER)
        self.view = View(histories)
        self.stream = Stream(self.view, self.refresh)
        self.tail = Tail(bus, self._on_route)
        self.shelf = Shelf(models)
        self.ways = Ways(bus, self.view, self.tail.ring)
        self._control = control
        self._library = Library(bus)

    def refresh(self) -> None:
        """Take over what control itself knows: that needs no broker."""
        newest = sorted(self._control.rollouts, key=lambda state: state.since)[-MOST_ROLLOUTS // 2 :]
        for state in newest:
            self.view.know(state)

    def end(self) -> None:
        """End all streams: whoever serves them is about to stop. On the loop that serves them."""
        self.stream.end()
        self.tail.end()

    def end_soon(self) -> None:
        """The same from another thread."""
        self.stream.end_soon()
        self.tail.end()

    def _on_route(self, route: str) -> set[str]:
        return {state.spec.rollout_id for state in self._control.rollouts if state.spec.route == route}

    def overview(self) -> Overview:
        """All rollouts."""
        self.refresh()
        return self.view.overview()

    def rollout(self, rollout_id: str) -> Rollout | None:
        """One rollout, None where it is unknown."""
        self.refresh()
        return self.view.rollout(rollout_id)

    def find(self, interaction_id: str, place: LogPlace) -> InteractionRecorded:
        """An interaction by where the log holds it. Raises NoTexts, BrokerUnavailable."""
        return self._library.find(interaction_id, place)

    def texts(self, rollout_id: str, interaction_id: str) -> Texts | None:
        """An interaction's texts; None where it is not among those that weighed most. Raises NoTexts."""
        weighed = self.view.weighed(rollout_id, interaction_id)
        if weighed is None or weighed.logged is None:
            return None
        return _texts(self._library.find(interaction_id, weighed.logged), weighed)


def _in_memory(rollout_id: str) -> History:  # noqa: ARG001 - where it would lie, if it lay anywhere
    return History()


def _texts(found: InteractionRecorded, weighed: Weighed) -> Texts:
    assigned = found.assignment
    answers: dict[str, Answer] = {found.answer.served_by: found.answer}
    if found.shadow is not None:
        answers.setdefault(found.shadow.served_by, found.shadow)
    mine, other = weighed.value, weighed.other_value
    control, candidate = (mine, other) if weighed.arm == "control" else (other, mine)
    return Texts(
        interaction_id=found.event_id,
        rollout_id=found.rollout_id,
        at=found.time,
        text_policy=found.text_policy,
        arm=assigned.arm,
        share=assigned.share,
        stage=assigned.stage,
        subject=assigned.subject,
        model=found.model,
        fallback=found.fallback,
        client_left=found.client_left,
        messages=found.messages,
        control=answers.get("control"),
        candidate=answers.get("candidate"),
        capability=weighed.capability,
        control_value=control,
        candidate_value=candidate,
        factor=weighed.factor,
    )
