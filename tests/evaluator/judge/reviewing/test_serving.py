import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest

from evaluator.judge.judges.sampling import GRADABLE, lot
from evaluator.judge.reviewing.cases import case_id
from evaluator.judge.reviewing.serving import AT_ONCE, Reviews
from telemetry import codec, topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.errors import BrokerUnavailable, UsageError
from telemetry.events import AnswerGraded, Judged, LogPlace, ScoreRecorded, ShadowDraw
from telemetry.reading import Unreadable, events_in
from tests.evaluator.support.interactions import answer, interaction
from tests.evaluator.support.scores import score

DRAWN = [n for n in range(200) if lot(f"interaction-{n}") < GRADABLE]
ARMS = ("control", "candidate")


class World:
    """A log with pairs, and where their texts are found."""

    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.bus.ensure_topics()
        self.texts = {}
        self.looked = Counter()
        self.reviews = Reviews(self.bus, self.find)

    def find(self, interaction_id, place):  # noqa: ARG002 -- the shape that it is called with
        self.looked[interaction_id] += 1
        if interaction_id not in self.texts:
            raise UsageError(f"no text of {interaction_id}")
        return self.texts[interaction_id]

    def pair(self, n, capability="facts", *, texts=True):
        arm, other = ARMS[n % 2], ARMS[1 - n % 2]
        place = LogPlace(partition=0, offset=n)
        scored = score(n, arm=arm, value=0.5, other=0.5, capability=capability)
        self.publish(scored.model_copy(update={"logged": place}))
        if texts:
            self.texts[f"interaction-{n}"] = interaction(
                n,
                prompt=f"q {n}",
                arm=arm,
                given=answer(f"{arm} {n}", by=arm),
                shadow=answer(f"{other} {n}", by=other),
            )

    def publish(self, *events):
        with self.bus.publisher() as publisher:
            for event in events:
                publisher.send(codec.encode(event))
            publisher.flush()

    def events(self, topic, kind):
        return [e for _, e in events_in(self.bus, topic, Unreadable()) if isinstance(e, kind)]


@pytest.fixture
def world():
    return World()


def test_both_answers_of_a_pair_are_graded_apart_and_correct_its_score(world):
    for n in DRAWN[:4]:
        world.pair(n)
    seen = []
    while (case := world.reviews.show("r1", "ada")) is not None:
        assert world.reviews.show("r1", "ada") is case, "until it is graded it stays the next one"
        seen.append(case)
        world.reviews.take("r1", case.id, "ada", 0.75)
    assert len({case.id for case in seen}) == 8
    assert all(a.interaction_id != b.interaction_id for a, b in pairwise(seen))
    assert len(world.events(topics.GRADES, AnswerGraded)) == 8
    found = [s for s in world.events(topics.SCORES, ScoreRecorded) if s.corrects is not None]
    assert {s.interaction_id for s in found} == {f"interaction-{n}" for n in DRAWN[:4]}


def test_what_cannot_count_is_not_shown(world):
    other = next(n for n in range(200) if n not in DRAWN)
    world.pair(other)
    world.publish(score(DRAWN[0], value=1.0).model_copy(update={"logged": LogPlace(partition=0, offset=1)}))
    world.pair(DRAWN[1], texts=False)
    assert world.reviews.show("r1", "ada") is None
    assert world.reviews.show("r1", "ada") is None
    assert world.looked == {f"interaction-{DRAWN[1]}": 1}


def test_what_a_key_asked_that_is_no_evidence_is_not_shown(world):
    world.pair(DRAWN[0])
    scored = world.events(topics.SCORES, ScoreRecorded)[0]
    drawn = ShadowDraw(drawn=True, fraction=0.5, capability="facts")
    unscored = {"value": None, "other_value": None, "unscored": "no_evidence", "draw": drawn, "basis": None}
    world.publish(
        scored.model_copy(update=unscored | {"interaction_id": f"interaction-{DRAWN[1]}", "event_id": "e2"})
    )
    world.texts[f"interaction-{DRAWN[1]}"] = world.texts[f"interaction-{DRAWN[0]}"].model_copy(
        update={"event_id": f"interaction-{DRAWN[1]}"}
    )
    for _ in ARMS:
        world.reviews.take("r1", world.reviews.show("r1", "ada").id, "ada", 1.0)
    assert world.reviews.show("r1", "ada") is None


def test_the_capability_that_has_fewest_graded_pairs_comes_first(world):
    for n in DRAWN[:40]:
        world.pair(n, "json" if n in DRAWN[:4] else "facts")
    case = world.reviews.show("r1", "ada")
    row = world.reviews._rows["r1", "ada"]
    shown = Counter(case.capability for case in row.cases.values())
    assert case is not None
    assert (shown["json"], sum(shown.values())) == (8, 2 * AT_ONCE)


def test_a_pair_that_somebody_graded_whole_is_nobody_elses(world):
    world.pair(DRAWN[0])
    for _ in ARMS:
        world.reviews.take("r1", world.reviews.show("r1", "ada").id, "ada", 1.0)
    assert world.reviews.show("r1", "bo") is None
    assert Reviews(world.bus, world.find).show("r1", "bo") is None, "nor after a restart"


def test_a_restart_goes_on_with_what_is_left(world):
    world.pair(DRAWN[0])
    first = world.reviews.show("r1", "ada")
    world.reviews.take("r1", first.id, "ada", 1.0)
    again = Reviews(world.bus, world.find)
    second = again.show("r1", "ada")
    assert {first.arm, second.arm} == set(ARMS)
    again.take("r1", second.id, "ada", 0.0)
    corrected = [s for s in world.events(topics.SCORES, ScoreRecorded) if s.corrects is not None]
    assert len(corrected) == 1


def test_nobody_grades_what_they_were_not_shown(world):
    world.pair(DRAWN[0])
    assert world.reviews.take("r1", case_id(f"interaction-{DRAWN[0]}", "control"), "ada", 1.0) is None
    assert world.events(topics.GRADES, AnswerGraded) == []


def test_a_control_without_the_evaluators_packages_can_show_answers():
    code = (
        "import sys, evaluator.judge.reviewing.serving; "
        "print(sorted({'numpy', 'scipy', 'sklearn', 'langdetect', 'torch'} & {m.split('.')[0] for m in sys.modules}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_what_was_graded_before_is_known_also_where_the_broker_was_away_at_first(world, monkeypatch):
    world.pair(DRAWN[0])
    first = world.reviews.show("r1", "ada")
    world.reviews.take("r1", first.id, "ada", 1.0)
    again, reader = Reviews(world.bus, world.find), world.bus.reader

    def reader_of(asked):
        if asked == [topics.GRADES]:
            raise BrokerUnavailable("away")
        return reader(asked)

    monkeypatch.setattr(world.bus, "reader", reader_of)
    with pytest.raises(BrokerUnavailable):
        again.show("r1", "ada")
    monkeypatch.undo()
    assert {again.show("r1", "ada").arm, first.arm} == set(ARMS)


def test_nothing_is_kept_of_graded_pairs_that_are_too_old_to_be_shown(world):
    world.pair(DRAWN[0])
    scored = world.events(topics.SCORES, ScoreRecorded)[0]
    for n in range(50):
        old = Judged(value=0.5, other_value=0.5)
        world.publish(scored.model_copy(update={"interaction_id": f"old-{n}", "corrects": old}))
    assert world.reviews.show("r1", "ada") is not None
    assert not world.reviews._settled


def test_it_says_how_many_answers_wait_for_a_person_and_how_many_pairs_are_graded_whole(world):
    for n in DRAWN[:3]:
        world.pair(n)
    told = []
    for grade in range(3):
        case = world.reviews.show("r1", "ada")
        told.append(world.reviews.left("r1", "ada"))
        assert case is not None
        world.reviews.take("r1", case.id, "ada", 0.25 * grade)
    left, whole = world.reviews.left("r1", "ada")
    assert [answers for answers, _ in told] == [6, 5, 4]
    assert left == 3
    assert told[0][1] == 0
    graded = Counter(g.interaction_id for g in world.events(topics.GRADES, AnswerGraded))
    assert whole == sum(arms == 2 for arms in graded.values())
    assert world.reviews.left("r1", "bo") == (6 - 2 * whole, whole), (
        "a pair that is graded whole waits for nobody"
    )
