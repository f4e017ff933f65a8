"""The forms of the page in a real browser: people grade, plan and start by them, each by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from _control.served import Served, publish, under_way
from playwright.sync_api import Browser, Page, expect

from router.control.gate import Gate
from router.control.rollout import RollBack
from router.control.settings import AccessSettings
from router.control.tokens import hashed
from telemetry import codec, topics
from telemetry.events import AnswerGraded, InteractionRecorded, LogPlace, ScoreRecorded
from tests.router.control.board.looking import AXE

pytestmark = pytest.mark.slow


def scored(served: Served, pairs: int) -> None:
    """Put scores of pairs on the bus: those are shown to be graded."""
    assert served.bus is not None
    found: list[ScoreRecorded] = []
    for (topic, partition), log in served.bus.logs.items():
        for offset, record in enumerate(log if topic == topics.INTERACTIONS else ()):
            one = codec.decode(record)
            if isinstance(one, InteractionRecorded) and one.draw and one.draw.drawn and one.draw.capability:
                place = LogPlace(partition=partition, offset=offset + 1)  # behind it: its shadow's answer
                found.append(
                    ScoreRecorded(
                        source="belay/worker", rollout_id=one.rollout_id, interaction_id=one.event_id,
                        interaction_time=one.time, assignment=one.assignment, capability=one.draw.capability,
                        tag_confidence=0.9, value=1.0, other_value=1.0, judge="verifiers 4", draw=one.draw,
                        logged=place,
                    )
                )  # fmt: skip
    publish(served.bus, found[:pairs])


def graded(served: Served) -> list[AnswerGraded]:
    """What people's grades the bus holds, in their order."""
    assert served.bus is not None
    logs = [log for (topic, _), log in served.bus.logs.items() if topic == topics.GRADES]
    found = [codec.decode(record) for log in logs for record in log]
    return [one for one in found if isinstance(one, AnswerGraded)]


def test_answers_are_graded_by_keyboard_without_their_arm_and_one_can_go_back(
    page: Page, served: Served
) -> None:
    assert served.bus is not None
    scored(served, pairs=30)
    page.goto(f"{served.url}#/grade/support-2")
    page.get_by_label("Your name").fill("bea")
    page.keyboard.press("Enter")
    left = page.locator(".lead b").first
    expect(left).to_have_text(re.compile("[0-9]"))
    before = int(left.inner_text())
    first = page.locator(".said").inner_text()
    page.keyboard.press("n")
    page.keyboard.type("4 is no grade while a note is written")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(left).to_have_text(str(before - 1))
    expect(page.locator(".said")).not_to_have_text(first)
    page.keyboard.press("b")
    expect(page.locator(".said")).to_have_text(first, use_inner_text=True)
    expect(page.get_by_role("button", name="poor")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("5")
    expect(page.get_by_role("button", name="as good as can be")).not_to_have_attribute("aria-pressed", "true")
    found = [(one.grader, one.grade, one.note) for one in graded(served)]
    note = "4 is no grade while a note is written"
    assert found == [("bea", 0.25, note), ("bea", 1.0, note)]
    assert not re.search(
        "candidate|control", page.locator("main").inner_text().split("WHAT GRADES DO")[0], re.IGNORECASE
    )


TYPED_AT_ONCE = """() => {
  const note = document.getElementById("field-note");
  const press = (on, key) => on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  note.focus();
  note.value = "the last letter counts";
  note.dispatchEvent(new Event("input", { bubbles: true }));
  press(note, "Escape");
  press(document.body, "2");
}"""


def test_a_grade_takes_the_note_as_it_stands_when_its_key_is_pressed_not_as_it_was_drawn_last(
    page: Page, served: Served
) -> None:
    scored(served, pairs=30)
    page.goto(served.url)
    page.evaluate("localStorage.setItem('belay-name', 'dan')")
    page.goto(f"{served.url}#/grade/support-2")
    expect(page.get_by_label("A note, kept with the grade")).to_be_visible()
    page.evaluate(TYPED_AT_ONCE)
    expect(page.get_by_role("status").filter(has_text="poor, recorded")).to_be_attached()
    assert [(one.grade, one.note) for one in graded(served) if one.grader == "dan"] == [
        (0.25, "the last letter counts")
    ]


def test_the_page_on_which_people_grade_fits_a_phone_and_passes_axe(browser: Browser, served: Served) -> None:
    scored(served, pairs=30)
    page = browser.new_page(viewport={"width": 360, "height": 780})
    page.goto(served.url)
    page.evaluate("localStorage.setItem('belay-name', 'cyd')")
    page.goto(f"{served.url}#/grade/support-2")
    expect(page.locator(".grades")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate("axe.run().then((r) => r.violations.map((v) => v.id))") == []
    page.close()


def test_the_planner_begins_with_what_a_rollout_has_seen_and_says_what_is_wrong_beside_its_field(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.url}#/plan?from=support-2")
    expect(page.get_by_role("img", name="How long a drop would live by its size")).to_be_visible()
    table = page.get_by_role("group", name="How long a drop would live, a table").locator("tbody tr")
    expect(table).to_have_count(10)
    slow = table.filter(has_text="facts").locator("td").nth(2).inner_text()
    page.get_by_label("Interactions a second").fill("500")
    page.keyboard.press("Enter")
    expect(table.filter(has_text="facts").locator("td").nth(2)).not_to_have_text(slow, use_inner_text=True)
    stages = page.get_by_label("Stages")
    stages.fill("half of them")
    page.get_by_role("button", name="Reckon").click()
    expect(stages).to_be_focused()
    expect(stages).to_have_accessible_description(re.compile("expected a share and interactions"))


def test_a_rollout_is_drafted_read_and_started_by_a_second_step_that_asks_once(
    page: Page, served: Served
) -> None:
    page.goto(f"{served.url}#/start")
    page.get_by_label("Your name").fill("ada")
    page.get_by_label("Route").fill("acme/sql")
    page.get_by_label("Stages").fill("all at once")
    page.get_by_role("button", name="Draft it").click()
    expect(page.get_by_label("Stages")).to_have_accessible_description(re.compile("has 'all at once'"))
    page.get_by_label("Stages").fill("5%:2000,50%")
    page.get_by_role("button", name="Draft it").click()
    expect(page.get_by_text("facts: judged by program, threshold 5 points")).to_be_visible()
    assert all(state.spec.rollout_id != "r-3" for state in served.control.rollouts), "a draft starts nothing"
    page.get_by_role("button", name="Start it").click()
    dialog = page.get_by_role("dialog", name="Start r-3")
    dialog.get_by_label("Why").fill("the audit passed")
    dialog.get_by_role("button", name="Start it").dblclick()
    expect(page.get_by_role("heading", level=1)).to_contain_text("r-3")
    started = served.control.rollout("r-3")
    assert (started.actor, started.reason, started.revision) == ("ada", "the audit passed", 1)
    served.control.act("r-3", RollBack("ada", "seen"))


def test_whoever_may_only_look_is_told_what_it_takes(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text(f"tokens: [{{name: vic, role: viewer, sha256: {hashed('vic')}}}]\n")
    made, _ = under_way(tmp_path / "control", scores=20)
    made.gate = Gate(AccessSettings(tokens=file))
    page = browser.new_page()
    with made:
        page.goto(made.url)
        page.evaluate("sessionStorage.setItem('belay-token', 'vic')")
        for path, words in (
            ("#/start", "takes an operator. vic is viewer"),
            ("#/grade", "Grading takes an operator. vic"),
        ):
            page.goto(made.url + path)
            page.reload()
            expect(page.locator("main")).to_contain_text(words)
    page.close()
