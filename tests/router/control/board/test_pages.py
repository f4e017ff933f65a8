"""The other pages in a real browser: interactions as they come, one of them, audits and trainings."""

from __future__ import annotations

import re

import pytest
from _control.served import Served, publish
from playwright.sync_api import Browser, Locator, Page, expect

from telemetry.events import ShadowDraw, now
from tests.router.control.board.looking import fits_a_phone_and_passes_axe
from tests.router.control.board.reports.values import audited, trained
from tests.router.control.board.tail.values import WHO, answer, interaction, score, shadow

pytestmark = pytest.mark.slow

ROLLOUT = "support-2"
CAPABILITY = "multi_step_reasoning"


def ask(served: Served, name: str, **changes: object) -> None:
    """A new interaction on the bus, of a rollout that the page knows."""
    assert served.bus is not None
    publish(served.bus, [interaction(name, time=now(), rollout_id=ROLLOUT, **changes)])


def judge(served: Served, name: str, value: float, **changes: object) -> None:
    assert served.bus is not None
    fields = {"rollout_id": ROLLOUT, "interaction_time": now(), "time": now(), "capability": CAPABILITY}
    publish(served.bus, [score(name, value=value, **(fields | changes))])


def row(page: Page, name: str) -> Locator:
    return page.locator("table.tail tbody tr", has=page.locator(f'a[href="#/interactions/{name}"]'))


def test_what_comes_is_shown_with_its_score_and_narrowed_by_what_is_asked_for(
    page: Page, served: Served
) -> None:
    page.goto(served.url)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Interactions").click()
    expect(page.locator("table.tail tbody tr").nth(50)).to_be_visible()
    ask(served, "narrowed-0")
    expect(row(page, "narrowed-0")).to_contain_text("not yet")
    judge(served, "narrowed-0", 0.25)
    expect(row(page, "narrowed-0")).to_contain_text("0.25")
    ask(served, "narrowed-1", fallback="timeout", answer=answer(served_by="control"))
    page.get_by_label("Outcome").select_option("base instead")
    expect(page.locator("table.tail tbody tr")).to_have_count(1)
    expect(row(page, "narrowed-1")).to_contain_text("timeout")
    page.get_by_label("Outcome").select_option("any")
    page.get_by_label("Score to").fill("0.3")
    page.get_by_label("Capability").select_option("multi step reasoning")
    expect(page.locator("table.tail tbody tr")).to_have_count(1)
    assert "capability=multi_step_reasoning&high=0.3" in page.url
    page.reload()
    expect(row(page, "narrowed-0")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(row(page, "narrowed-1")).to_be_visible()


def test_paused_it_stands_still_and_goes_on_with_what_came_meanwhile(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/live")
    expect(page.locator("table.tail tbody tr").first).to_be_visible()
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    ask(served, "paused-0")
    expect(page.locator(".pace")).to_contain_text("Paused, 1 new")
    expect(row(page, "paused-0")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(row(page, "paused-0")).to_be_visible()


def test_one_interaction_is_opened_by_its_id_and_told_from_its_request_to_its_score(
    page: Page, served: Served
) -> None:
    drawn = ShadowDraw(capability=CAPABILITY, fraction=0.2, drawn=True)
    ask(served, "opened-0", draw=drawn, assignment=WHO.model_copy(update={"subject": "f" * 32}))
    assert served.bus is not None
    publish(served.bus, [shadow("opened-0", rollout_id=ROLLOUT, time=now())])
    judge(served, "opened-0", 0.0, other_value=1.0, draw=drawn)
    page.goto(f"{served.url}#/live")
    page.get_by_label("Interaction by its id").fill("opened-0")
    page.keyboard.press("Enter")
    stages = page.locator(".stages > li")
    expect(stages).to_have_count(11)
    expect(stages.nth(2)).to_contain_text("+80 ms")
    expect(page.locator(".stages")).to_contain_text("as a pair")
    expect(page.locator(".answer.candidate")).to_contain_text("0.00")
    expect(page.locator(".answer.control mark").first).to_have_text("base")
    page.goto(f"{served.url}#/interactions/absent")
    expect(page.get_by_role("heading", name="No such interaction here")).to_be_visible()


def test_runs_are_drawn_and_listed_by_what_is_asked_for_and_their_reports_open(
    page: Page, served: Served
) -> None:
    home = served.folder
    for number, facts in enumerate((0.1, 1.0)):
        audited(home, f"run-{number}", hours=number, facts=facts)
    (home / "audits" / "cut").mkdir()
    (home / "audits" / "cut" / "audit.json").write_text("{")
    trained(home, "run-1")
    trained(home, "run-2")
    page.goto(served.url)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Audits").click()
    rows = page.locator("table.runs tbody tr")
    expect(rows.locator("th")).to_have_text([re.compile("^run-1"), re.compile("^run-0")])
    page.get_by_role("button", name="kept of the rest").click()
    page.get_by_role("button", name="kept of the rest").click()
    expect(rows.locator("th")).to_have_text([re.compile("^run-0"), re.compile("^run-1")])
    expect(page.locator(".scatter canvas")).to_be_visible()
    expect(page.get_by_text("cut cannot be read")).to_be_visible()
    with page.expect_popup() as opened:
        rows.first.get_by_role("link").click()
    expect(opened.value.locator("h1").first).to_be_visible()
    opened.value.close()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Trainings").click()
    expect(page.get_by_role("heading", name="Every training")).to_be_visible()
    expect(rows).to_have_count(2)
    expect(page.locator("tr", has_text="run-1")).to_contain_text("its audit")
    expect(page.locator("tr", has_text="run-2")).to_contain_text("its checkpoint")


def test_every_other_page_fits_a_phone_and_passes_axe_in_light_and_in_dark(
    browser: Browser, served: Served
) -> None:
    ask(served, "phone-0", fallback="timeout", answer=answer(served_by="control"))
    judge(served, "phone-0", 0.0, failed=True)
    audited(served.folder, "phone-0")
    trained(served.folder, "phone-0")
    page = browser.new_page(viewport={"width": 360, "height": 780})
    for path in ("#/live?outcome=fallback", "#/interactions/phone-0", "#/audits", "#/trainings"):
        page.goto(served.url + path)
        expect(page.locator("main section").first).to_be_visible()
        fits_a_phone_and_passes_axe(page, path)
    page.close()
