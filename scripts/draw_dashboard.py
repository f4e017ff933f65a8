"""Draw docs/img/dashboard.png: the dashboard at the moment of a rollback, in a headless Chromium.

    PYTHONPATH=bench python scripts/draw_dashboard.py

The scores are drawn from known means (`bench/_control/story.py`); the evidence, the decision and the rollback are real.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "img" / "dashboard.png"
sys.path.insert(0, str(ROOT / "bench"))

from _control.served import shop  # noqa: E402 - it lies beside the benchmarks


def main() -> None:
    """Tell the story up to a few seconds after its rollback, and take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        served, _ = shop(Path(folder), after=12)
        with served, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1400, "height": 1240}, timezone_id="UTC")
            page.goto(f"{served.url}#/rollouts/support-2")
            page.locator("tr", has_text="multi step reasoning").wait_for()
            page.get_by_text("live", exact=True).wait_for()
            page.screenshot(path=PICTURE)
            browser.close()


if __name__ == "__main__":
    main()
