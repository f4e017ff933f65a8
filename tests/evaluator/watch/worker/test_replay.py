import pytest

from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.worker.replay import (
    LoggedScore,
    ProofFile,
    collect_proof,
    explain,
    read_proof,
    replay,
    write_proof,
)
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.errors import UsageError
from telemetry.reading import Unreadable
from tests.evaluator.support.logs import announced, publish, publish_raw
from tests.evaluator.support.scores import rollout, score, stream

DROP = {"target": (0.3, 0.9), "facts": (0.9, 0.2), "json": (1.0, 0.2)}


def _proof():
    spec, scores = rollout(), list(stream(900, seed=1, means=DROP, shadow=0.1, returning=0.2))
    evidence, decision = RolloutEvidence(spec), None
    for offset, one in enumerate(scores):
        evidence.settle(one, 0, 3 + offset)
        found = decide(evidence)
        if found and found.action == "roll_back":
            decision = found
            break
    logged = tuple(LoggedScore(3 + n, s) for n, s in enumerate(scores))
    return ProofFile(spec, decision, logged)


def test_a_decision_replays_byte_for_byte_through_a_proof_file(tmp_path):
    proof = _proof()
    write_proof(tmp_path / "a" / "proof.jsonl", proof)
    result = replay(read_proof(tmp_path / "a" / "proof.jsonl"))
    assert result.same
    assert result.made.model_dump_json() == proof.decision.model_dump_json()
    assert "byte for byte" in explain(result)


def test_a_changed_score_is_told():
    proof = _proof()
    scores = list(proof.scores)
    scores[5] = scores[5]._replace(score=scores[5].score.model_copy(update={"judge": "other"}))
    result = replay(ProofFile(proof.spec, proof.decision, tuple(scores)))
    assert not result.same
    assert "proof.scores_sha256" in explain(result)


def test_scores_that_do_not_lead_there_are_told():
    proof = _proof()
    result = replay(ProofFile(proof.spec, proof.decision, proof.scores[:20]))
    assert result.made is None
    assert "no such decision" in explain(result)


def test_duplicates_and_dead_letters_in_the_log_change_nothing():
    proof = _proof()
    bus = MemoryBus()
    bus.ensure_topics()
    publish(bus, [announced(proof.spec)])
    stray = score(10**6, rollout_id="somebody-else")
    unusable = score(10**6 + 1, capability="poetry")
    scores = [s for _, s in proof.scores]
    log = [stray, unusable, *scores[:40], *scores[30:60], *scores[60:]]
    publish(bus, log)
    evidence, decision = RolloutEvidence(proof.spec), None
    for offset, one in enumerate(log[2:], start=2):
        if evidence.settle(one, 0, offset) and (found := decide(evidence)) and found.action == "roll_back":
            decision = found
            break
    publish(bus, [decision])
    collected = collect_proof(bus, decision.event_id, Unreadable())
    assert replay(collected).same


def test_what_is_no_event_is_counted_once_and_changes_nothing():
    proof = _proof()
    bus = MemoryBus()
    bus.ensure_topics()
    publish(bus, [announced(proof.spec), proof.decision])
    for topic in (topics.ROLLOUTS, topics.DECISIONS, topics.SCORES, topics.SCORES, topics.SCORES):
        publish_raw(bus, topic, b"damaged")  # the scores of the proof begin at offset 3
    publish(bus, [score for _, score in proof.scores])
    unreadable = Unreadable()
    collected = collect_proof(bus, proof.decision.event_id, unreadable)
    assert replay(collected).same
    assert len(unreadable) == 5


def test_an_unknown_decision_is_a_clear_error():
    bus = MemoryBus()
    bus.ensure_topics()
    with pytest.raises(UsageError, match="no decision 'x'"):
        collect_proof(bus, "x", Unreadable())


@pytest.mark.parametrize("content", ["", "{}\n", "not json\n", '{"format": "belay-proof-1"}\n'])
def test_a_broken_proof_file_says_where(tmp_path, content):
    path = tmp_path / "proof.jsonl"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"proof\.jsonl"):
        read_proof(path)


def test_a_missing_proof_file_is_told(tmp_path):
    with pytest.raises(UsageError, match="no proof file"):
        read_proof(tmp_path / "none.jsonl")
