"""Only models that lie here start, by their hashes, and with the audit that they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.control.actor import Control
from router.control.spec_checks import SpecRefused
from serving.models.manifest import Manifest, bind_audit, write_manifest
from serving.models.pins import read_pins
from telemetry.events import AuditRef
from tests.router.values import spec

AUDIT = AuditRef(verdict="pass", sha256="e" * 64)


@pytest.fixture
def manifests(tmp_path: Path) -> dict[str, Manifest]:
    """A base and a candidate without an audit."""
    found = {}
    for name in ("base", "candidate"):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        (folder / "weights").write_text(name, encoding="utf-8")
        found[name] = write_manifest(folder, kind="base" if name == "base" else "candidate", name=name)
    return found


def start(folder: Path, manifests: dict[str, Manifest], **changes: Any) -> str:
    control = Control(folder / "rollout.json", folder / "control.jsonl", models=folder / "models")
    refs = {name: manifest.ref for name, manifest in manifests.items()}
    return control.start(spec(**(refs | changes))).status


def test_a_candidate_with_the_audit_that_it_names_starts(
    tmp_path: Path, manifests: dict[str, Manifest]
) -> None:
    bind_audit(tmp_path / "models" / "candidate", AUDIT)
    assert start(tmp_path, manifests) == "ramping"


def test_a_model_that_is_not_here_is_refused_with_those_that_are_and_nothing_is_changed(
    tmp_path: Path, manifests: dict[str, Manifest]
) -> None:
    for arm in ("base", "candidate"):
        stranger = manifests[arm].ref.model_copy(update={"sha256": "f" * 64})
        with pytest.raises(SpecRefused, match=f"its {arm} is '{arm}' with sha256 ffffffffffff") as refused:
            start(tmp_path, manifests, **{arm: stranger})
        assert manifests[arm].sha256[:12] in refused.value.hint
    assert read_pins(tmp_path / "models") == []
    assert not (tmp_path / "rollout.json").exists()


def test_a_candidate_without_audit_or_with_another_one_is_refused(
    tmp_path: Path, manifests: dict[str, Manifest]
) -> None:
    with pytest.raises(SpecRefused, match="'candidate' has no audit in its manifest"):
        start(tmp_path, manifests)
    bind_audit(tmp_path / "models" / "candidate", AUDIT.model_copy(update={"verdict": "fail"}))
    with pytest.raises(SpecRefused, match=r"it names audit eeeeeeeeeeee \(pass\), .* \(fail\)"):
        start(tmp_path, manifests)


def test_an_override_by_name_and_base_against_itself_need_no_audit(
    tmp_path: Path, manifests: dict[str, Manifest]
) -> None:
    overridden = AuditRef(verdict="fail", sha256="a", override_by="ada", override_reason="urgent")
    assert start(tmp_path, manifests, audit=overridden) == "ramping"
    (tmp_path / "rollout.json").unlink()
    assert start(tmp_path, manifests, candidate=manifests["base"].ref, rollout_id="r2") == "ramping"


def test_a_control_beside_no_models_starts_what_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    assert start(tmp_path, {}) == "ramping"
