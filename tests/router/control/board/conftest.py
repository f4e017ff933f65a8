"""The rollouts that the page is looked at with are those of bench/control.py, one browser and one control for all."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.places import ROOT

BENCH = ROOT / "bench"

if str(BENCH) not in sys.path:  # the benchmarks are scripts: they import their helpers from beside them
    sys.path.insert(0, str(BENCH))

from _control.served import Served, under_way  # noqa: E402 - found by the line above

from belay.steps.page_forms import PagePlanner  # noqa: E402 - behind what is found
from router.control.api import Forms  # noqa: E402 - behind what is found
from telemetry.bus.memory_bus import MemoryBus  # noqa: E402 - behind what is found
from tests.router.control.board.forms_fake import FakeDrafting  # noqa: E402 - it stands on the story

CHROMIUM = os.environ.get("BELAY_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture
def bus() -> MemoryBus:
    """An empty broker with our topics."""
    made = MemoryBus()
    made.ensure_topics()
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One a module: as long as it is there, no test of this thread can have an event loop."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install one, or say where it is in BELAY_CHROMIUM")
    expect.set_options(timeout=20_000)  # a busy machine is slow, and that is no fault of a page
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For tests that leave the rollout as it is."""
    made, _ = under_way(tmp_path_factory.mktemp("control"), scores=450)
    made.forms = Forms(PagePlanner(), FakeDrafting())
    with made:
        yield made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose console has to stay silent; what the network says of a control that is away is no mistake."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    yield page
    page.close()
    assert [said for said in wrong if "Failed to load resource" not in said] == []
