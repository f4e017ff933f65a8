"""`belay tagger train` stores a tagger that the worker takes; `belay map suggest` groups what it leaves unknown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from belay.cli import app
from belay.steps import map_suggest
from belay.steps import tagger as training
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.embedding import Embedder
from evaluator.judge.tagging import choosing, meaning_tagger, stored
from evaluator.judge.tagging.choosing import tagger_for
from evaluator.judge.tagging.meaning_tagger import MeaningTagger
from evaluator.judge.tagging.tagger import Tagger
from telemetry.errors import UsageError
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.embeddings import WordEmbedder

QUIET = Console(quiet=True)
THINGS = ("rope", "tent", "stove", "lamp", "axe", "mat", "pot", "bag", "sling", "screw", "boot", "map")
LOADED = brief(
    capability("support", role="target", exemplars=tuple(f"Where is the refund for my {t}?" for t in THINGS)),
    capability("sums", exemplars=tuple(f"What is the sum of {n} and {n + 3}?" for n in range(12))),
    items=2,
)


@pytest.fixture(autouse=True)
def _words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Embedder, "installed", staticmethod(lambda: True))
    for module in (meaning_tagger, stored):
        monkeypatch.setattr(module, "Embedder", WordEmbedder)


def test_a_fitted_tagger_lies_under_its_hash_and_is_the_one_that_is_used(tmp_path: Path) -> None:
    tags = tmp_path / "tags.jsonl"
    tags.write_text(json.dumps({"prompt": "I want my money back", "capability": "support"}), encoding="utf-8")
    path = training.train_tagger(LOADED, tmp_path / "taggers", tags, QUIET, with_items=True)
    plain = training.train_tagger(LOADED, tmp_path / "taggers", None, QUIET, with_items=False)
    assert path != plain
    found = tagger_for(LOADED, path)
    assert isinstance(found, MeaningTagger)
    assert path.name == stored.stored_name(found.version)
    assert tagger_for(LOADED, plain).version == tagger_for(LOADED).version


def test_a_tagger_of_another_brief_is_refused(tmp_path: Path) -> None:
    path = training.train_tagger(LOADED, tmp_path, None, QUIET, with_items=False)
    with pytest.raises(UsageError, match="differ in their capabilities: facts, riddles"):
        tagger_for(brief(), path)


def test_without_the_embeddings_there_is_nothing_to_store_and_words_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Embedder, "installed", staticmethod(lambda: False))
    with pytest.raises(UsageError, match="not installed"):
        training.train_tagger(LOADED, tmp_path, None, QUIET, with_items=False)
    assert isinstance(tagger_for(LOADED), Tagger)


def test_suggestions_can_be_labelled_and_taught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [f"Compose a {kind} about {t} and rain" for t in THINGS for kind in ("poem", "haiku")]
    log = tmp_path / "log.jsonl"
    rows = [
        {"messages": [{"role": "user", "content": text}], "user": f"u{n}"} for n, text in enumerate(prompts)
    ]
    log.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    def read(_: Path) -> LoadedBrief:
        return LOADED

    monkeypatch.setattr("belay.steps.brief_loading.read_brief", read)
    labels = tmp_path / "unknown.jsonl"
    ran = CliRunner().invoke(app, ["map", "suggest", str(log), "--json", "--labels", str(labels)])
    assert ran.exit_code == 0, ran.output
    lines = [json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines()]
    assert lines
    assert all(line["capability"] is None and line["prompt"] in prompts for line in lines)
    before = tagger_for(LOADED)
    path = training.train_tagger(LOADED, tmp_path, labels, QUIET, with_items=False)
    assert tagger_for(LOADED, path).version != before.version
    assert choosing.tagger_for(LOADED, path).tag([prompts[0]])[0].capability is None


def test_what_is_suggested_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    found = map_suggest.Suggestion(
        queries=100,
        unknown=40,
        tagger="t@1",
        stability=0.2,
        capabilities=(
            {"name": "poems", "share": 0.3, "queries": 30, "prompts": 20, "exemplars": ("Compose a poem",)},
        ),  # type: ignore[arg-type]  # pydantic makes it one
    )
    map_suggest.show_suggestion(found, Console(width=200))
    said = capsys.readouterr().out
    assert "40 of 100 queries belong to no capability" in said
    assert "poems" in said
    assert "30.0%" in said
    assert "not stable" in said
