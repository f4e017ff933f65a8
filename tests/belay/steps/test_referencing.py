"""A model's reference: taken once, compared afterwards, taken anew where it has to be."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from belay.home import Home
from belay.steps.asking import Asking, ModelAt
from belay.steps.referencing import keep_reference_of
from evaluator.briefs.brief import load_brief
from serving.engines.identity import Identity
from serving.engines.references import reference_of
from serving.models.manifest import write_manifest
from serving.models.store import StoredModel
from telemetry.errors import AttestationError
from tests.places import BRIEF
from tests.serving.engines.test_identity_probes import Answer, engine, model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "models" / "lora"
    found.mkdir(parents=True)
    (found / "weights").write_text("lora")
    write_manifest(found, kind="adapter", name="lora")
    return found


def kept(folder: Path, answer: Answer, *, keep: bool = True) -> tuple[Identity | None, str]:
    """The model's reference after it was asked where `answer` is given, and what was said."""
    said = io.StringIO()
    home = Home(folder.parent.parent)
    asking = Asking(home, load_brief(BRIEF), Console(file=said, width=200), keep=keep)
    with engine(answer) as address:
        keep_reference_of(ModelAt(StoredModel.at(folder), address), asking)
    return reference_of(StoredModel.at(folder)), said.getvalue()


def newer(path: str, body: dict[str, object]) -> tuple[int, object]:
    return (200, {"version": "2.0"}) if path == "/version" else model("b")(path, body)


def test_it_is_taken_once_and_compared_from_then_on(folder: Path) -> None:
    first, said = kept(folder, model("a"))
    assert first is not None
    assert "known again by its first tokens" in said
    assert kept(folder, model("a")) == (first, "")
    with pytest.raises(AttestationError, match="another model answers") as refused:
        kept(folder, model("b"))
    assert "--no-cache" in refused.value.hint
    assert reference_of(StoredModel.at(folder)) == first


def test_it_is_taken_anew_on_another_version_of_the_engine_when_asked_and_where_it_was_damaged(
    folder: Path,
) -> None:
    first, _ = kept(folder, model("a"))
    second, _ = kept(folder, newer)
    assert second is not None
    assert second.engine == "vllm 2.0"
    assert kept(folder, model("a"), keep=False)[0] == first
    for file in folder.glob(".identity-*.json"):
        file.unlink()
    assert kept(folder, model("a"))[0] == first


def test_without_log_probabilities_it_says_so_and_keeps_whole_answers(folder: Path) -> None:
    found, said = kept(folder, model("a", logprobs=False))
    assert found is not None
    assert not found.tells_logprobs
    assert found.tokens > 1
    assert "tells no log-probabilities" in said
