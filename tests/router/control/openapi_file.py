"""Control's API as the file docs/openapi.json has it: `python -m tests.router.control.openapi_file` writes it anew."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from router.control.actor import Control
from router.control.api import create_app
from tests.places import ROOT

FILE = ROOT / "docs" / "openapi.json"


def openapi_text() -> str:
    """What the file should hold."""
    with tempfile.TemporaryDirectory() as folder:
        control = Control(Path(folder) / "rollout.json", Path(folder) / "control.jsonl")
        return json.dumps(create_app(control).openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(openapi_text(), encoding="utf-8")
