"""The page in a real browser: it loads, lives, rolls back by a click, and says so when control is away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _control.served import Served, publish, under_way
from playwright.sync_api import Browser, Locator, Page, expect

from router.control.gate import Gate
from router.control.settings import AccessSettings
from router.control.tokens import hashed
from telemetry import codec, topics
from telemetry.events import WatchReported, now
from tests.router.control.board.looking import fits_a_phone_and_passes_axe

pytestmark = pytest.mark.slow


def state(page: Page) -> Locator:
    return page.locator("h1 .state")


def open_rollout(page: Page, served: Served) -> None:
    page.goto(f"{served.url}#/rollouts/support-2")
    expect(page.locator("table.capabilities tr", has_text="multi step reasoning")).to_be_visible()


def test_from_all_rollouts_to_one_to_its_decisions_and_back(page: Page, served: Served) -> None:
    page.goto(served.url)
    card = page.locator("article", has_text="support-2")
    expect(card.locator(".state")).to_have_text("below sample")
    card.get_by_role("link", name="support-2").click()
    expect(page.locator("table.capabilities tbody tr")).to_have_count(12)
    expect(page.get_by_role("img", name="Evidence of a drop over time")).to_be_visible()
    page.locator("section", has=page.locator("#decisions")).get_by_role("link").first.click()
    expect(page.locator(".replay code")).to_contain_text("belay replay ")
    page.get_by_role("navigation", name="Where you are").get_by_role("link", name="Rollouts").click()
    expect(card).to_be_visible()


def test_what_the_watch_reports_is_shown_by_itself(page: Page, served: Served) -> None:
    open_rollout(page, served)
    assert served.bus is not None
    told = [codec.decode(record) for record in served.bus.logs[topics.WATCH, 0]]
    last = [report for report in told if isinstance(report, WatchReported)][-1]
    publish(served.bus, [last.model_copy(update={"time": now(), "settled": 123_456})])
    expect(page.locator(".facts")).to_contain_text("123,456")


def test_a_rollback_is_a_click_a_reason_and_a_name_by_keyboard_too(page: Page, tmp_path: Path) -> None:
    served, _ = under_way(tmp_path, scores=100)
    with served:
        _roll_back(page, served)


def _roll_back(page: Page, served: Served) -> None:
    open_rollout(page, served)
    button = page.get_by_role("button", name="Roll back support-2")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Put all traffic back on base: support-2")
    expect(dialog.get_by_label("Why")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Why")).to_be_focused()
    page.keyboard.type("complaints about totals")
    dialog.get_by_label("Your name").fill("ada")
    page.keyboard.press("Enter")
    expect(state(page)).to_have_text("rolled back")
    expect(page.locator(".head")).to_contain_text("complaints about totals")
    current = served.control.current()
    assert current is not None
    assert (current.status, current.actor) == ("rolled_back", "ada")
    expect(button).to_have_count(0)


def test_when_control_is_away_the_page_says_how_old_it_is_and_comes_back_by_itself(
    page: Page, served: Served
) -> None:
    open_rollout(page, served)
    expect(page.locator(".chart path.one").first).to_be_attached()
    points = page.evaluate("document.querySelectorAll('.chart path.one').length")
    served.stop()
    expect(page.get_by_role("status").first).to_contain_text("Rollbacks by evidence go on without this page")
    expect(page.locator(".fresh")).to_contain_text("as of")
    served.start()
    expect(page.locator(".fresh")).to_have_text("live", timeout=10_000)
    assert page.evaluate("document.querySelectorAll('.chart path.one').length") == points


def test_where_control_asks_who_it_is_a_token_opens_what_its_role_may(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.yaml"
    lines = (
        f"{{name: {name}, role: {role}, sha256: {hashed(name)}}}"
        for name, role in (("vic", "viewer"), ("ann", "operator"))
    )
    file.write_text(f"tokens: [{', '.join(lines)}]\n")
    made, _ = under_way(tmp_path / "control", scores=100)
    made.gate = Gate(AccessSettings(tokens=file))
    page = browser.new_page()
    with made:
        page.goto(f"{made.url}#/rollouts/support-2")
        for token, may_roll_back in (("vic", 0), ("ann", 1)):
            give = page.get_by_role("button", name="Give a token" if token == "vic" else "Token", exact=True)
            give.click()
            page.get_by_role("textbox", name="Token").fill(token)
            page.get_by_role("button", name="Use it").click()
            expect(page.locator(".fresh")).to_have_text("live")
            expect(page.get_by_role("button", name="Roll back support-2")).to_have_count(may_roll_back)
            expect(page.get_by_role("link", name="Grade answers")).to_have_count(may_roll_back)
        page.get_by_role("button", name="Roll back support-2").click()
        expect(page.get_by_label("Your name")).to_have_count(0)
        file.write_text("tokens: []\n")
        page.get_by_label("Why").fill("an expired token")
        page.get_by_role("button", name="Roll back to base").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
        expect(page.get_by_role("textbox", name="Token")).to_be_visible()
        assert made.control.current() is not None
        assert made.control.current().status == "ramping"
    page.close()


def test_every_view_fits_a_phone_and_passes_axe_in_light_and_in_dark(
    browser: Browser, served: Served
) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 780})
    page.goto(served.url)
    page.evaluate("localStorage.setItem('belay-name', 'ada')")
    for path in ("", "#/rollouts/support-2", *inner(served), "#/plan", "#/start", "#/grade"):
        page.goto(served.url + path)
        if path == "#/start":
            page.get_by_role("button", name="Draft it").click()
        expect(page.locator("[aria-busy]")).to_have_count(0)
        expect(page.locator("main :is(section, form, ol)").first).to_be_visible()
        fits_a_phone_and_passes_axe(page, path)
    page.close()


def inner(served: Served) -> Iterator[str]:
    """The views inside a rollout."""
    assert served.board is not None
    found = served.board.rollout("support-2")
    while found is None or not found.decisions or not found.heaviest:
        found = served.board.rollout("support-2")
    yield f"#/rollouts/support-2/decisions/{found.decisions[0].decision_id}"
    yield f"#/rollouts/support-2/interactions/{found.heaviest[0].interaction_id}"


def test_a_rollouts_page_says_how_long_drops_would_live_and_what_the_evidence_rests_on(
    page: Page, served: Served
) -> None:
    open_rollout(page, served)
    outlook = page.get_by_role("group", name="How long a drop would live, a table")
    row = outlook.locator("tr", has_text="support reply")
    expect(row).to_contain_text("units")
    expect(row).to_contain_text("tolerated")
    expect(row).to_contain_text(" | ")
    expect(page.get_by_role("img", name="What traffic consists of over time")).to_have_accessible_name(
        re.compile("unknown [0-9]+% at first")
    )
    expect(page.get_by_role("group", name="How the arms answer, a table").locator("tbody tr")).to_have_count(
        2
    )
    expect(page.get_by_role("group", name="Who judges, a table")).to_contain_text("judge support-judge-3")
    cost = page.get_by_role("group", name="What judging models were asked, a table").locator("tbody tr")
    expect(cost.locator("[data-label='tokens read']")).to_have_text(re.compile("^[0-9,]+$"))
    expect(cost.locator("[data-label='cost']")).to_have_text(
        re.compile(r"^[0-9,]+\.[0-9]{2} EUR$|^under 0.01 EUR$")
    )
    stages = page.get_by_role("group", name="Lag and freshness of the pipeline, a table")
    expect(stages.locator("tr", has_text="scorer")).to_contain_text("records")
