"""Draw docs/img/dashboard.png: the dashboard of a real `belay demo`, moments after its rollback.

    python scripts/draw_dashboard.py         # as long as the demo takes; models of an earlier one are used again

Nothing in the picture is staged: two vLLM engines, a broker, the traffic that the demo sends.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "img" / "dashboard.png"
ADDRESS = re.compile(r"The dashboard, as long as it runs: (http://\S+)")
PATIENCE_MS = 600_000


def main() -> int:
    """Run the demo, take the picture when its rollout is rolled back, and see the demo to its end."""
    demo = subprocess.Popen(
        [Path(sys.executable).with_name("belay"), "demo"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        for line in demo.stdout or ():
            print(line, end="")
            if found := ADDRESS.search(line):
                photograph(found[1])
        return demo.wait()
    finally:
        demo.terminate()
        demo.wait()


def photograph(url: str) -> None:
    """The page of the only rollout at `url`, once it is rolled back."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("BELAY_CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1240}, timezone_id="UTC")
        page.goto(url)
        page.locator("a[href^='#/rollouts/']").first.click()
        expect(page.locator("h1 .state")).to_have_text("rolled back", timeout=PATIENCE_MS)
        page.wait_for_timeout(500)  # what decided is drawn with the next event of the stream
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
