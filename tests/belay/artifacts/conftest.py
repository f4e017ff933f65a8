"""A home to take artefacts from, and stores that need no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.models.manifest import write_manifest


def filled(home: Path, *, weights: bytes = b"weights") -> Path:
    """A home with a model, its audit, a baseline and a tagger, none of which anybody reads here."""
    model = home / "models" / "mine"
    (model / "adapter").mkdir(parents=True)
    (model / "model.safetensors").write_bytes(weights)
    (model / "adapter" / "adapter_config.json").write_bytes(b"{}")
    write_manifest(model, kind="candidate", name="mine", base_sha256="0" * 64)
    (model / f".identity-{'7' * 16}.json").write_bytes(b'{"answers": []}')
    audit, baseline, taggers = home / "audits" / "mine", home / "baselines" / ("a" * 64), home / "taggers"
    for folder in (audit, baseline, taggers):
        folder.mkdir(parents=True)
    (audit / "report.html").write_text("<p>kept</p>")
    (audit / ".report.md.77.new").write_text("half of it")
    (baseline / "baseline.json").write_text("{}")
    (taggers / "tagger-1.npz").write_bytes(b"numbers")
    return home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return filled(tmp_path / "home")
