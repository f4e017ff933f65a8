"""What every page has to pass, on a phone, in light and in dark."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import axe_playwright_python
from playwright.sync_api import Page

AXE: Final = Path(str(axe_playwright_python.__file__)).with_name("axe.min.js")
_SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


def fits_a_phone_and_passes_axe(page: Page, path: str) -> None:
    """Assert it of what `page` shows, 360 pixels wide."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for scheme in _SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate("axe.run().then((r) => r.violations.map((v) => [v.id, v.nodes[0].html]))")
        assert found == [], (path, scheme)
