"""What tests of several commands start from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belay.home import Home
from serving.models.manifest import write_manifest


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a base and a candidate that attest; which weights they have plays no part here."""
    place = Home(tmp_path / "home")
    for folder in (place.base_model, place.model("mine")):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"model": folder.name}), encoding="utf-8")
    base = write_manifest(place.base_model, kind="base", name="base")
    write_manifest(place.model("mine"), kind="candidate", name="mine", base_sha256=base.sha256)
    return place
