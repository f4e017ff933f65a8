"""`belay plan`, `drill` and `replay` as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from belay.cli import app
from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.worker.replay import LoggedScore, ProofFile, read_proof, write_proof
from telemetry.errors import BrokerUnavailable, UsageError
from telemetry.events import DecisionMade
from tests.evaluator.support.scores import rollout, stream
from tests.places import BRIEF

DROP = {"target": (0.3, 0.9), "facts": (0.9, 0.2), "json": (1.0, 0.2)}


def belay(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"}, catch_exceptions=False)


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """A rollback's proof file."""
    spec, scores = rollout(), list(stream(900, seed=1, means=DROP))
    evidence, decision = RolloutEvidence(spec), None
    for offset, one in enumerate(scores):
        evidence.settle(one, 0, offset)
        found = decide(evidence)
        if found is not None and found.action == "roll_back":
            decision = found
            break
    assert isinstance(decision, DecisionMade)
    write_proof(
        tmp_path / "proof.jsonl", ProofFile(spec, decision, tuple(map(LoggedScore, range(900), scores)))
    )
    return tmp_path / "proof.jsonl"


def test_a_proof_file_replays_with_status_0_and_can_be_exported_again(proof: Path, tmp_path: Path) -> None:
    copy = tmp_path / "there" / "copy.jsonl"
    ended = belay("replay", str(proof), "--export", str(copy))
    assert ended.exit_code == 0
    assert "byte for byte" in ended.output
    assert copy.read_bytes() == proof.read_bytes()


def test_a_proof_that_was_changed_ends_with_status_1_and_names_the_fields(proof: Path) -> None:
    found = read_proof(proof)
    scores = [s._replace(score=s.score.model_copy(update={"judge": "other"})) for s in found.scores[:1]]
    write_proof(proof, ProofFile(found.spec, found.decision, (*scores, *found.scores[1:])))
    ended = belay("replay", str(proof))
    assert ended.exit_code == 1
    assert "proof.scores_sha256" in ended.output


def test_a_broker_that_is_away_is_named(free_port: int) -> None:
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{free_port}"):
        belay("replay", "a" * 32, "--bootstrap-servers", f"127.0.0.1:{free_port}")


def test_the_plan_says_how_long_drops_live_and_what_shadow_pairs_buy(tmp_path: Path) -> None:
    ended = belay(
        "plan", str(BRIEF), "--rate", "40/s", "--home", str(tmp_path), "--picture", str(tmp_path / "p.png")
    )
    assert ended.exit_code == 0
    for told in (
        "each base rate is taken as 80%",
        "3 points",
        "20 points",
        "bad answers",
        "What shadow pairs buy",
    ):
        assert told in ended.output
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--rate", "fast", "--rate is 'fast', expected"),
        ("--stages", "5:200", "--stages has '5:200', expected"),
        ("--stages", "50%:100,25%", "shares of stages must grow"),
    ],
)
def test_a_wrong_option_says_what_was_expected(tmp_path: Path, option: str, value: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        belay("plan", str(BRIEF), option, value, "--home", str(tmp_path))


def test_a_drill_publishes_its_rates_as_table_and_file(tmp_path: Path) -> None:
    file = tmp_path / "out" / "drill.json"
    ended = belay(
        "drill", str(BRIEF), "--runs", "2", "--horizon", "300", "--shadow", "0.2", "--home", str(tmp_path),
        "--json", str(file),
    )  # fmt: skip
    assert ended.exit_code == 0
    assert "A/A (no drop)" in ended.output
    found = json.loads(file.read_bytes())
    assert found["cases"][0]["planted"] == "A/A (no drop)"
    assert found["shadow"] == 0.2
    assert set(found["cases"][0]) >= {
        "runs",
        "rolled_back",
        "rate",
        "rate_at_most",
        "delay_p50",
        "bad_answers",
    }
