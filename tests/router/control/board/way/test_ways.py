"""An interaction found in the log, wherever it lies, and told to whom it may be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from router.control.actor import Control
from router.control.api import create_app
from router.control.board.board import Board
from router.control.board.texts import NoTexts
from router.control.board.way import searching
from router.control.board.way.finding import Finder
from router.control.gate import Gate
from router.control.settings import AccessSettings
from router.control.tokens import hashed
from telemetry import codec
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.protocols import Record
from telemetry.events import Event, Judged, LogPlace, ScoresRecorded, ShadowDraw, new_id
from tests.router.control.board.tail.values import WHO, interaction, score, shadow
from tests.router.control.board.test_api import heavy
from tests.router.control.board.values import publish, report
from tests.router.values import NOON, spec

NOON_MS = int(NOON.timestamp() * 1000)
DRAWN = ShadowDraw(capability="support", fraction=0.2, drawn=True)


def others(count: int) -> list[Event]:
    """What others asked; half of it in the same partition."""
    return [
        interaction(f"other-{n}", assignment=WHO.model_copy(update={"subject": f"{n % 2}-other"}))
        for n in range(count)
    ]


def test_everything_of_an_interaction_is_found_by_its_id_alone(bus: MemoryBus) -> None:
    paired = score(other_value=0.5, draw=DRAWN)
    batch = ScoresRecorded(source="belay/worker", rollout_id="r1", scores=(score("other-1"), paired))
    publish(bus, *others(9), interaction(draw=DRAWN), *others(9), shadow(), *others(9), score("other-0"))
    graded = paired.model_copy(
        update={"event_id": "g", "value": 0.0, "corrects": Judged(value=0.75, other_value=0.5)}
    )
    publish(bus, batch, graded, score("other-2"))
    trail = Finder(bus, "i0").find()
    assert trail.interaction == interaction(draw=DRAWN)
    assert (trail.shadow, trail.score, trail.graded) == (shadow(), paired, graded)
    assert trail.score_at is not None
    assert trail.score_at.place.offset == 1


def test_a_place_may_be_that_of_its_shadows_answer(bus: MemoryBus) -> None:
    publish(bus, interaction(draw=DRAWN), *others(300), shadow())
    records = [record for log in bus.logs.values() for record in log]
    its = [one for one in records if b"i0" in (one.value or b"") or ("ce_id", b"i0") in one.headers]
    assert len(its) == 2
    for record in its:
        trail = Finder(bus, "i0").find(LogPlace(partition=record.partition, offset=record.offset))
        assert (trail.interaction.event_id, trail.shadow) == ("i0", shadow())


def test_in_pieces_nothing_is_left_out_and_no_further_is_looked_than_said(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "CHUNK", 7)
    publish(bus, interaction(), *others(100))
    assert Finder(bus, "i0").find().interaction.event_id == "i0"
    monkeypatch.setattr(searching, "MOST", 40)
    with pytest.raises(NoTexts, match=r"not among the last \d\d? records of belay.interactions"):
        Finder(bus, "i0").find()


def written(bus: MemoryBus, at_ms: int, *events: Event) -> None:
    """Put events into the first partitions of their topics, as of this time."""
    with bus.publisher() as publisher:
        for event in events:
            one = codec.encode(event)
            publisher.send_to(Record(one.topic, 0, 0, one.key, one.headers, one.value, at_ms))
        publisher.flush()


def id_of(at_ms: int) -> str:
    return f"{at_ms:012x}{new_id()[12:]}"


@pytest.mark.parametrize("late_ms", [40, 90_000, -3_000])
def test_an_old_interaction_is_found_by_the_time_in_its_id_with_its_score(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch, late_ms: int
) -> None:
    """However much was written since; late by a spool that waited, or by a clock that is behind."""
    for name, size in (("CHUNK", 7), ("AHEAD", 3), ("MOST", 40)):
        monkeypatch.setattr(searching, name, size)
    asked, name = NOON_MS + 600_000, id_of(NOON_MS + 600_000)
    written(bus, NOON_MS, *others(90), *(score(f"other-{n}") for n in range(90)))
    paired = score(name, other_value=0.5, draw=DRAWN)
    grade = paired.model_copy(update={"event_id": "g", "corrects": Judged(value=0.75, other_value=0.5)})
    written(bus, asked + late_ms, interaction(name), paired, grade)
    written(bus, asked + 200_000, *others(90), *(score(f"other-{n}") for n in range(90)))
    trail = Finder(bus, name).find()
    assert (trail.interaction.event_id, trail.interaction_at.place.offset) == (name, 90)
    assert (trail.score, trail.graded) == (paired, grade)


def test_where_a_bound_was_reached_it_is_said_and_the_newest_are_looked_at_too(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MOST", 40)
    asked, late, absent = NOON_MS, id_of(NOON_MS), id_of(NOON_MS + 1)
    written(bus, asked, *others(90), interaction(late))
    assert Finder(bus, late).find().interaction.event_id == late
    with pytest.raises(
        NoTexts, match=r"made at 2\d{3}-.* UTC by its id, is not among the \d+ records"
    ) as error:
        Finder(bus, absent).find()
    assert "There are more" in str(error.value.hint)
    monkeypatch.setattr(searching, "MOST", 50_000)
    with pytest.raises(NoTexts) as error:
        Finder(bus, absent).find()
    assert "never written, or retention has deleted it" in str(error.value.hint)


def test_what_both_directions_together_went_through_was_all_looked_at(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(bus, NOON_MS, *others(60))
    for most, told in ((40, "was all looked at"), (30, "was all looked at"), (29, "There are more")):
        monkeypatch.setattr(searching, "MOST", most * 4)
        with pytest.raises(NoTexts) as error:
            Finder(bus, id_of(NOON_MS)).find()
        assert told in str(error.value.hint), most


def test_an_id_that_only_looks_as_if_it_told_a_time_is_found_among_the_newest(bus: MemoryBus) -> None:
    for name in ("f" * 12 + "7" + "8" * 19, "0" * 12 + "7" + "8" * 19):
        publish(bus, *others(30), interaction(name), *others(30))
        assert Finder(bus, name).find().interaction.event_id == name
        with pytest.raises(NoTexts, match="by its id"):
            Finder(bus, name[:-1] + "9").find()


def test_another_interaction_of_the_subject_that_was_scored_before_is_named(bus: MemoryBus) -> None:
    stranger = score("stranger", assignment=WHO.model_copy(update={"subject": "another"}))
    publish(bus, interaction(), score("before"), stranger, score("none", value=None, unscored="no_tag"))
    publish(bus, score(), score("behind"))
    assert Finder(bus, "i0").find().earlier == "before"
    nobody = WHO.model_copy(update={"subject_source": "request"})
    publish(bus, interaction("i1", assignment=nobody), score("i1", assignment=nobody))
    assert Finder(bus, "i1").find().earlier is None


def test_of_an_interaction_that_was_scored_again_the_first_score_is_told_which_the_evidence_has(
    bus: MemoryBus,
) -> None:
    publish(bus, interaction(), score("before"), score(), score("behind"), score(), score("last"))
    found = Finder(bus, "i0").find()
    assert found.score_at is not None
    assert (found.score, found.score_at.place.offset) == (score(), 1)
    told = Finder(bus, "i0").find(None, LogPlace(partition=found.score_at.place.partition, offset=3))
    assert (
        told.score_at == found.score_at
    )  # a tail that began to read behind the first knows the second's place


# --- over HTTP ---------------------------------------------------------------------------------------


@pytest.fixture
def board(control: Control, bus: MemoryBus) -> Board:
    control.start(spec())
    return Board(control, bus)


@pytest.fixture
def http(control: Control, board: Board, tmp_path: Path) -> Iterator[TestClient]:
    file = tmp_path / "tokens.yaml"
    lines = (
        f"{{name: {name}, role: {role}, sha256: {hashed(name)}}}"
        for name, role in (("vic", "viewer"), ("ann", "operator"))
    )
    file.write_text(f"tokens: [{', '.join(lines)}]\n")
    app = Gate(AccessSettings(tokens=file)).before(create_app(control, board=board))
    with TestClient(app) as client:
        yield client


def by(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


def test_texts_are_an_operators_and_everybodys_where_they_weighed_most(
    http: TestClient, board: Board, bus: MemoryBus
) -> None:
    publish(bus, interaction(draw=DRAWN), shadow(), score(other_value=0.5, draw=DRAWN))
    assert http.get("/api/interactions/i0").status_code == 401
    whole = http.get("/api/interactions/i0", headers=by("ann")).json()
    assert (whole["messages"][0]["content"], whole["withheld"]) == ("how many ropes?", None)
    assert (whole["control"]["text"], whole["candidate"]["text"]) == ("base's", "the candidate's")
    assert (whole["control_value"], whole["candidate_value"]) == (0.5, 0.75)
    answer = http.get("/api/interactions/i0", headers=by("vic"))
    assert not any(text in answer.text for text in ("how many", "base's", "the candidate's"))
    assert (answer.json()["messages"], answer.json()["stages"]) == (None, whole["stages"])
    board.view.take(report(heaviest=(heavy("i0", None),)))
    heaviest = http.get("/api/interactions/i0", headers=by("vic")).json()
    assert (heaviest["candidate"]["text"], heaviest["factor"]) == ("the candidate's", 1.5)


def test_what_is_not_there_is_a_404_and_too_many_searches_at_once_wait(
    http: TestClient, board: Board
) -> None:
    missing = http.get("/api/interactions/absent", headers=by("vic"))
    assert (missing.status_code, "not among the last" in missing.json()["error"]) == (404, True)
    room = board.ways._room  # as if others were searching
    while room.acquire(blocking=False):
        pass
    assert http.get("/api/interactions/absent", headers=by("vic")).status_code == 503


def test_without_a_broker_it_says_so(control: Control) -> None:
    with TestClient(create_app(control)) as http:
        answer = http.get("/api/interactions/i0")
    assert (answer.status_code, "no broker" in answer.json()["error"]) == (404, True)
