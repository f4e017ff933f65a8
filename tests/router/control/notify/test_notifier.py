"""Each notice arrives once at each channel, after failures and restarts too, and holds nothing up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from router.control.actor import Control
from router.control.heard import Heard
from router.control.notify.notice import Notice
from router.control.notify.notifier import GIVE_UP, Notifier
from router.control.notify.senders import Channel, NeverSent, NotSent
from router.control.notify.settings import NotifySettings
from router.control.rollout import Pause, Promote, RollBack
from telemetry.events import now
from tests.router.values import NOON, rolled_back, spec, started


class Phone:
    """A channel that fails as often as it is told to, and notes what arrives."""

    def __init__(self, fails: int = 0, never: bool = False) -> None:
        self.fails, self.never = fails, never
        self.tried, self.got = 0, list[Notice]()

    def __call__(self, notice: Notice) -> None:
        self.tried += 1
        if self.never:
            raise NeverSent("gone")
        if self.tried <= self.fails:
            raise NotSent("busy")
        self.got.append(notice)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.control.notify.notifier.FIRST_RETRY_S", 0.01)


@pytest.fixture
def notifier(tmp_path: Path) -> Iterator[Callable[..., Notifier]]:
    made: list[Notifier] = []

    def make(*phones: Phone | Channel, clock: Callable[[], object] = lambda: NOON) -> Notifier:
        channels = [p if isinstance(p, Channel) else Channel(f"phone {n}", p) for n, p in enumerate(phones)]
        heard = Heard(lambda: NOON)
        made.append(Notifier(NotifySettings(), channels, tmp_path / "notices.jsonl", heard, clock))  # type: ignore[arg-type]  # a clock is a clock
        return made[-1]

    yield make
    for each in made:
        each.stop()


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not what():
        assert time.monotonic() < deadline, "waited for 5 s"
        time.sleep(0.005)


def test_people_are_told_of_what_they_want_to_be_told_of(
    notifier: Callable[..., Notifier], control: Control
) -> None:
    phone = Phone()
    teller = notifier(phone)
    control.followers.append(teller.changed)
    teller.start()
    control.start(spec())
    control.act("r1", Promote("ada", "on"))
    control.act("r1", Pause("ada", "a look"))
    control.act("r1", RollBack("ada", "enough"))
    wait_for(lambda: len(phone.got) == 2)
    assert [notice.status for notice in phone.got] == ["paused", "rolled_back"]


def test_a_channel_that_fails_is_tried_again_and_told_once(notifier: Callable[..., Notifier]) -> None:
    phone = Phone(fails=3)
    teller = notifier(phone)
    teller.start()
    teller.changed(started(), rolled_back(started()))
    teller.changed(started(), rolled_back(started()))
    wait_for(lambda: phone.got)
    assert (phone.tried, len(phone.got)) == (4, 1)


def test_a_channel_that_hangs_holds_up_neither_control_nor_another_channel(
    notifier: Callable[..., Notifier], control: Control
) -> None:
    hung, phone = threading.Event(), Phone()
    teller = notifier(Channel("hung", lambda _: hung.wait(20) and None), phone)
    control.followers.append(teller.changed)
    teller.start()
    control.start(spec())
    assert control.act("r1", RollBack("ada", "enough")).status == "rolled_back"
    wait_for(lambda: phone.got)
    hung.set()


def test_what_was_not_sent_before_a_restart_is_sent_after_it_and_what_was_is_not(
    notifier: Callable[..., Notifier], tmp_path: Path
) -> None:
    first, away = Phone(), Phone(fails=10**9)
    teller = notifier(first, away)
    teller.start()
    teller.changed(started(), rolled_back(started()))
    wait_for(lambda: '"done"' in (tmp_path / "notices.jsonl").read_text() and away.tried)
    teller.stop()
    again, back = Phone(), Phone()
    after = notifier(again, back)
    after.start()
    after.changed(started(), rolled_back(started()))
    wait_for(lambda: back.got)
    after.stop()
    assert (len(first.got), len(again.got), len(back.got)) == (1, 0, 1)


@pytest.mark.parametrize("old", [False, True])
def test_what_is_refused_or_no_news_any_more_is_given_up_and_said(
    notifier: Callable[..., Notifier], caplog: pytest.LogCaptureFixture, old: bool
) -> None:
    phone = Phone(fails=10**9, never=not old)
    teller = notifier(phone, clock=lambda: NOON + (GIVE_UP if old else timedelta()))
    with caplog.at_level(logging.ERROR):
        teller.start()
        teller.changed(started(), rolled_back(started()))
        wait_for(lambda: "was never told: Rollout r1 was rolled back" in caplog.text)
    assert (phone.tried, phone.got) == (1, [])


def test_a_file_that_cannot_be_written_keeps_nobody_from_being_told(
    notifier: Callable[..., Notifier], tmp_path: Path
) -> None:
    phone = Phone()
    teller = notifier(phone, clock=now)
    (tmp_path / "notices.jsonl").unlink()
    (tmp_path / "notices.jsonl").mkdir()
    teller.start()
    teller.changed(started(), rolled_back(started()))
    wait_for(lambda: phone.got)


def test_a_kill_between_the_sending_and_its_note_sends_the_same_again(
    notifier: Callable[..., Notifier], tmp_path: Path
) -> None:
    first, again = Phone(), Phone()
    teller = notifier(first)
    teller.start()
    teller.changed(started(), rolled_back(started()))
    file = tmp_path / "notices.jsonl"
    wait_for(lambda: '"done"' in file.read_text())
    teller.stop()
    kept = [line for line in file.read_text().splitlines(keepends=True) if "done" not in line]
    file.write_text("".join(kept))  # as a kill leaves it
    after = notifier(again)
    after.start()
    wait_for(lambda: again.got)
    assert again.got == first.got


def test_a_change_that_a_killed_control_did_not_live_to_note_is_told_after_the_restart_once(
    notifier: Callable[..., Notifier], tmp_path: Path
) -> None:
    file = tmp_path / "notices.jsonl"
    notifier(Phone()).stop()  # a process before the one that was killed
    reached, other = rolled_back(started()), rolled_back(started(rollout_id="r2"))
    got: list[str] = []
    for restart in range(3):
        phone = Phone()
        teller = notifier(phone)
        teller.take_up([reached.model_copy(update={"revision": reached.revision + restart})])
        teller.changed(None, other.model_copy(update={"since": NOON + timedelta(hours=restart)}))
        teller.start()
        noted = 2 if restart == 0 else 1
        wait_for(lambda noted=noted: file.read_text().count('"done"') == noted)  # type: ignore[misc]  # bound
        teller.stop()
        got += [notice.rollout for notice in phone.got]
    assert got == ["r1", "r2", "r2", "r2"]


def test_where_nobody_was_told_before_old_news_stays_so(notifier: Callable[..., Notifier]) -> None:
    teller = notifier(phone := Phone())
    teller.take_up([rolled_back(started())])
    teller.start()
    teller.changed(started(), rolled_back(started(rollout_id="r2")))
    wait_for(lambda: phone.got)
    assert [notice.rollout for notice in phone.got] == ["r2"]
