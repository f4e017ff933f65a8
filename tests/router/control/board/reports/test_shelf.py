"""Audits and trainings: read as their parts left them, whatever else lies there."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from evaluator.audit.result import load_audit
from router.control.board.reports import shelf as the_shelf
from router.control.board.reports.shelf import Shelf
from router.control.board.reports.tickets import VALID_S, Tickets
from tests.router.control.board.reports.values import audited, trained


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path


@pytest.fixture
def shelf(home: Path) -> Shelf:
    return Shelf(home / "models")


def test_an_audit_is_told_as_the_evaluator_knows_it(home: Path, shelf: Shelf) -> None:
    audited(home, "support-2")
    result = load_audit(home / "audits" / "support-2" / "audit.json")
    (told,) = shelf.audits(pages=False).found
    assert (told.name, told.verdict, told.findings) == ("support-2", result.verdict, result.findings)
    assert [(one.name, one.verdict) for one in told.capabilities] == [
        (one.name, one.verdict) for one in result.capabilities
    ]
    target, *adjacent = result.capabilities
    assert (told.base_target, told.target) == (target.items.base_mean, target.items.candidate_mean)
    kept = [
        (one.items.candidate_mean or 0.0) / one.items.base_mean
        for one in adjacent
        if one.items.base_mean and one.items.silent is None
    ]
    assert told.retention == pytest.approx(sum(kept) / len(kept))
    facts, items = told.capabilities[1], adjacent[0].items
    assert items.gap is not None
    assert (facts.change, facts.low, facts.high) == (-items.gap, -items.upper, -items.lower)


def test_a_training_is_told_by_the_checkpoint_that_was_taken(home: Path, shelf: Shelf) -> None:
    trained(home, "support-2")
    (told,) = shelf.trainings(pages=False).found
    assert [(one.step, one.target, one.retention, one.fallen) for one in told.checkpoints] == [
        (10, 0.6, 1.0, 0),
        (20, 0.9, 0.5, 1),
    ]
    assert (told.target, told.retention, told.measured, told.verdict) == (0.6, 1.0, "checkpoint", None)
    assert told.recipe == ("dora", "rehearsal 50%", "sweep")
    assert (told.merge, told.alarms, told.examples, told.base_target) == ("linear at 0.7", 1, 320, 0.3)


def test_the_audit_of_a_training_is_worth_more_than_its_checkpoint_unless_it_is_of_a_model_before(
    home: Path, shelf: Shelf
) -> None:
    trained(home, "new", hours=1)
    audited(home, "new", hours=2)
    trained(home, "again", hours=5)
    audited(home, "again", hours=2)
    by = {one.name: one for one in shelf.trainings(pages=False).found}
    audits = {one.name: one for one in shelf.audits(pages=False).found}
    assert (by["new"].measured, by["new"].verdict) == ("audit", audits["new"].verdict)
    assert (by["new"].target, by["new"].retention) == (audits["new"].target, audits["new"].retention)
    assert (by["again"].measured, by["again"].verdict) == ("checkpoint", None)


def test_the_newest_come_first_and_what_is_no_report_is_no_line(home: Path, shelf: Shelf) -> None:
    for number, name in enumerate(("b", "c", "a")):
        audited(home, name, hours=number)
    (home / "models" / "adopted").mkdir()
    (home / "audits" / ".unfinished").mkdir()
    (home / "audits" / "notes.txt").write_text("by hand")
    audited(home, os.fsdecode(b"no text \xff"))
    assert [one.name for one in shelf.audits(pages=False).found] == ["a", "c", "b"]
    assert shelf.trainings(pages=False).found == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff\xfe", b'{"verdict": "pass"', b"[" * 100_000, b'{"verdict": "perhaps"}'],
)
def test_a_broken_report_is_a_line_and_hides_no_other(home: Path, shelf: Shelf, content: bytes) -> None:
    audited(home, "good")
    trained(home, "good")
    for kind, file in (("audits", "audit.json"), ("models", "training.json"), ("models", "manifest.json")):
        folder = home / kind / f"broken-{file}"
        folder.mkdir()
        (folder / "training.json").write_bytes((home / "models" / "good" / "training.json").read_bytes())
        (folder / file).write_bytes(content)
    audits, trainings = shelf.audits(pages=True), shelf.trainings(pages=True)
    assert [one.name for one in audits.found] == [one.name for one in trainings.found] == ["good"]
    assert [one.name for one in audits.unreadable] == ["broken-audit.json"]
    assert {one.name for one in trainings.unreadable} == {"broken-training.json", "broken-manifest.json"}
    assert all(one.why for one in (*audits.unreadable, *trainings.unreadable))


def test_a_file_of_another_version_is_read_as_far_as_it_is_understood(home: Path, shelf: Shelf) -> None:
    audited(home, "later")
    file = home / "audits" / "later" / "audit.json"
    content = json.loads(file.read_bytes())
    content["mood"] = "cheerful"
    del content["settings"], content["judges"], content["cost"]
    file.write_text(json.dumps(content))
    assert [one.name for one in shelf.audits(pages=False).found] == ["later"]


def test_what_changed_is_read_anew_what_did_not_is_not_and_what_is_gone_is_gone(
    home: Path, shelf: Shelf
) -> None:
    audited(home, "one")
    audited(home, "two")
    before = shelf.audits(pages=False).found
    assert all(a is b for a, b in zip(shelf.audits(pages=False).found, before, strict=True))
    audited(home, "one", facts=1.0)
    (home / "audits" / "two" / "audit.json").unlink()
    (again,) = shelf.audits(pages=False).found
    assert (again.name, again != before[0]) == ("one", True)


def test_no_number_is_one_that_cannot_be_told(home: Path, shelf: Shelf) -> None:
    audited(home, "odd")
    file = home / "audits" / "odd" / "audit.json"
    file.write_bytes(re.sub(rb'"seconds": [^,]+', b'"seconds": NaN', file.read_bytes()))
    assert [one.name for one in shelf.audits(pages=False).unreadable] == ["odd"]


def test_of_too_many_the_newest_are_read_and_the_rest_are_counted(
    home: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(the_shelf, "MOST", 2)
    for number in range(3):
        audited(home, f"a{number}", hours=number)
        os.utime(home / "audits" / f"a{number}" / "audit.json", (number, number))
    told = shelf.audits(pages=False)
    assert ([one.name for one in told.found], told.left_out) == (["a2", "a1"], 1)


def test_without_a_folder_it_says_why_there_is_nothing() -> None:
    assert "no models_folder" in (Shelf(None).audits(pages=True).missing or "")


def test_an_address_opens_what_it_was_made_for_and_that_for_an_hour() -> None:
    clock = [1000.0]
    tickets = Tickets(lambda: clock[0])
    _, kind, name, lapses, key = tickets.address("audits", "support-2").split("/")
    assert tickets.opens(kind, name, int(lapses), key)
    assert not tickets.opens("trainings", name, int(lapses), key)
    assert not tickets.opens(kind, "support-3", int(lapses), key)
    assert not tickets.opens(kind, name, int(lapses) + 1, key)
    assert not tickets.opens(kind, name, int(lapses), "\N{SNOWMAN}")
    assert not Tickets(lambda: clock[0]).opens(kind, name, int(lapses), key)
    clock[0] += VALID_S
    assert not tickets.opens(kind, name, int(lapses), key)
