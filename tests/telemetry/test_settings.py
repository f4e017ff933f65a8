"""What every settings file has: mistakes are explained down to its lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from telemetry.errors import SettingsError
from telemetry.events import RolloutSpec
from telemetry.settings import load_document
from tests.router.values import spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": [{"share": 0.5}, {"shar": 0.6}]}, "stages.1.shar: unknown key; did you mean 'share'?"),
        ({"bse": {}}, "bse: unknown key; did you mean 'base'?"),
        ({"audit": {"verdict": "pass", "sha": "x"}}, "audit.sha: unknown key; did you mean 'sha256'?"),
    ],
)
def test_a_rollouts_file_is_explained_down_to_its_lists(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(json.dumps(spec().model_dump(mode="json") | change), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_document(file, RolloutSpec)
    assert message in str(caught.value)
