"""Scripts import what lies beside them, as they do when they are started."""

from __future__ import annotations

import pytest

from tests.places import ROOT


@pytest.fixture(autouse=True)
def _beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
