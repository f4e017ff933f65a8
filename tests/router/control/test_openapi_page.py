"""The API's page names every address and loads nothing from elsewhere."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient

from router.control.actor import Control
from router.control.api import create_app
from tests.router.control.openapi_file import FILE, openapi_text


def test_every_address_and_every_type_is_on_the_page_which_needs_nothing_from_elsewhere(
    control: Control,
) -> None:
    with TestClient(create_app(control)) as http:
        document, page = http.get("/openapi.json").json(), http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in page.text
    linked = set(re.findall(r'href="#([^"]+)"', page.text))
    assert linked <= set(re.findall(r'id="([^"]+)"', page.text))
    assert {"RolloutChanged", "Word", "RolloutVerdict"} <= linked
    assert not re.search(r"<script|https?://", page.text)


def test_the_file_in_the_docs_is_what_control_serves() -> None:
    assert FILE.read_text(encoding="utf-8") == openapi_text(), (
        "make it anew: python -m tests.router.control.openapi_file"
    )
