"""What a browser sees of the page: how soon, how heavy, how accessible."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

ROLLOUT = "#/rollouts/support-2"
# When the capabilities are drawn, in ms since the navigation began.
_DRAWN = """
new MutationObserver((_, seen) => {
  if (!document.querySelector("table.capabilities tbody tr")) return;
  seen.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => (window.drawn = performance.now())));
}).observe(document, { childList: true, subtree: true });
"""
# When a text is there, by the clock that all processes of a machine share.
_SHOWN = """
(text) => new Promise((done) => {
  const look = () => {
    if (!document.querySelector("main").textContent.includes(text)) return false;
    requestAnimationFrame(() => done(performance.timeOrigin + performance.now()));
    return true;
  };
  if (!look()) new MutationObserver((_, seen) => look() && seen.disconnect())
    .observe(document.body, { childList: true, subtree: true, characterData: true });
})
"""
_WEIGHT = """
[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter((one) => !one.name.includes("/api/")).reduce((sum, one) => sum + one.encodedBodySize, 0)
"""


def chromium() -> str | None:
    """The browser of this machine."""
    named = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("BELAY_CHROMIUM") or next(filter(None, map(shutil.which, named)), None)


@contextmanager
def a_browser() -> Iterator[Browser]:
    """A headless one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


def first_paint_ms(browser: Browser, url: str) -> float:
    """From the navigation to the rollout's capabilities on the screen, with nothing in the browser's cache."""
    page = browser.new_page(
        bypass_csp=True
    )  # what waits for a value is evaluated, which the page's policy forbids
    page.add_init_script(_DRAWN)
    page.goto(url + ROLLOUT)
    found = page.wait_for_function("window.drawn").json_value()
    page.close()
    return float(found)


def live_update_ms(page: Page, count: int, report: Callable[[int], float]) -> float:
    """From a report on the bus to its figure on the screen; `report` publishes it and says when."""
    page.evaluate(f"window.shown = ({_SHOWN})({f'{count:,}'!r}); 0")
    at = report(count)
    return float(page.evaluate("window.shown")) - at


def weight_kb(page: Page) -> float:
    """What an open page has loaded, answers to its questions left out."""
    return float(page.evaluate(_WEIGHT)) / 1000


def axe_violations(page: Page) -> int:
    """Of axe-core's rules, in light and in dark."""
    found = find_spec("axe_playwright_python")
    folder = Path(str(found.origin)).parent if found is not None else Path()
    page.evaluate((folder / "axe.min.js").read_text(encoding="utf-8"))
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    count = 0
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        count += int(page.evaluate("axe.run().then((found) => found.violations.length)"))
    return count
