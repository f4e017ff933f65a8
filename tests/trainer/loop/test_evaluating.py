from __future__ import annotations

from pathlib import Path

import pytest

from serving.models.manifest import read_manifest
from serving.progress import silent
from telemetry.errors import SettingsError
from tests.trainer.tiny import tiny_base
from trainer.config import TrainSettings
from trainer.data.feed import Encoded
from trainer.loop.evaluating import Evaluating
from trainer.rehearsing.lazy_base import LazyBase


def test_without_a_brief_there_is_no_suite_to_ask(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path / "base")
    settings = TrainSettings(base=folder, data=tmp_path, output=tmp_path / "c", name="c")
    base = LazyBase(folder, read_manifest(folder).sha256, "float32", "cpu", tmp_path / "answers.sqlite")
    with pytest.raises(SettingsError, match="give 'brief'"):
        Evaluating(settings, None, base, Encoded((), (), {}), silent).on(8)
