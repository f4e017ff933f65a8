from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from belay.home import Home
from belay.steps.adopt import Adoption, adopt
from serving.models.manifest import MANIFEST, write_manifest
from tests.trainer.tiny import tiny_base
from trainer.config import LoraSettings
from trainer.methods import lora


def told(tmp_path: Path, merge: dict[str, Any] | None) -> str:
    """What is said when the adapter of a candidate with these merge settings is adopted; None: of no candidate."""
    home = Home(tmp_path / "home")
    tiny_base(home.models / "tiny")
    candidate = tmp_path / "candidate"
    model = lora.add_adapter(lora.load_base(home.models / "tiny", "float32"), LoraSettings(rank=2), seed=1)
    lora.save_adapter(model, candidate / "adapter", "0" * 64)
    if merge is None:
        (candidate / MANIFEST).write_text('{"of": "another tool"}')
    else:
        write_manifest(candidate, kind="candidate", name="c", settings={"merge": merge})
    console = Console(file=io.StringIO(), width=400)
    adopt(home, Adoption(str(candidate / "adapter"), base="tiny"), console)
    said = console.file.getvalue()  # type: ignore[attr-defined]  # it is the buffer above
    assert "is an adapter" in said
    return str(said)


def test_the_adapter_of_a_pruned_candidate_is_adopted_with_a_note_that_it_is_not_pruned(
    tmp_path: Path,
) -> None:
    assert "c was merged with 20% of its change; this adapter has all of it" in told(
        tmp_path, {"prune": {"keep": 0.2}}
    )


@pytest.mark.parametrize("merge", [{"prune": None}, {}, None])
def test_of_other_adapters_nothing_of_the_kind_is_said(tmp_path: Path, merge: dict[str, Any] | None) -> None:
    assert "of its change" not in told(tmp_path, merge)
