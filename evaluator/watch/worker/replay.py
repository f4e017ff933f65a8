"""Replay: anyone who holds the scores comes to the same decision, byte for byte.

A proof file is one JSON object a line: first the rollout's spec and the decision, then every score up to the
deciding one with its offset. It needs neither Kafka nor the machine on which the decision was made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from telemetry import topics
from telemetry.bus.protocols import Bus
from telemetry.errors import UnreadableRecord, UsageError
from telemetry.events import DecisionMade, RolloutChanged, RolloutSpec, ScoreRecorded
from telemetry.files import write_renamed
from telemetry.reading import Unreadable, events_in
from telemetry.score_batches import indexes, scores_of

FORMAT = "belay-proof-1"


class LoggedScore(NamedTuple):
    """A score and the offset of its record in the log; those of one record follow each other."""

    offset: int
    score: ScoreRecorded


@dataclass(frozen=True, slots=True)
class ProofFile:
    """Everything that a decision follows from."""

    spec: RolloutSpec
    decision: DecisionMade
    scores: tuple[LoggedScore, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay. `differences` names the fields in which the replayed decision is another."""

    recorded: DecisionMade
    made: DecisionMade | None
    differences: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the replayed decision has the same bytes as the recorded one."""
        return self.made is not None and not self.differences


def replay(proof: ProofFile) -> Replayed:
    """Fold the scores once more and decide after each, as the worker did.

    Scores that the worker could not use (they lie in the dead letters) are passed over here as well.
    """
    evidence = RolloutEvidence(proof.spec)
    want, made = proof.decision, None
    numbers = indexes(offset for offset, _ in proof.scores)
    for (offset, score), index in zip(proof.scores, numbers, strict=True):
        if offset > want.proof.last_offset:
            break
        try:
            fresh = evidence.settle(score, want.proof.partition, offset, index)
        except UnreadableRecord:
            continue
        if fresh and (found := decide(evidence)) and found.event_id == want.event_id:
            made = found
    return Replayed(want, made, _differences(want, made) if made is not None else ())


def explain(result: Replayed) -> str:
    """The result in one sentence."""
    want = result.recorded
    what = f"{want.action} of rollout {want.rollout_id} at offset {want.proof.last_offset}"
    if result.same:
        return (
            f"the same {what}, byte for byte ({want.proof.last_offset - want.proof.first_offset + 1} offsets)"
        )
    if result.made is None:
        return f"no such decision: these scores do not lead to the {what}"
    return f"another decision than the recorded {what}: it differs in {', '.join(result.differences)}"


def write_proof(path: Path, proof: ProofFile) -> None:
    """Write a proof file, whole or not at all."""
    head = {
        "format": FORMAT,
        "spec": proof.spec.model_dump(mode="json"),
        "decision": proof.decision.model_dump(mode="json"),
    }
    lines = [json.dumps(head)]
    lines += [json.dumps({"offset": o, "score": s.model_dump(mode="json")}) for o, s in proof.scores]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_renamed(path, ("\n".join(lines) + "\n").encode())


def read_proof(path: Path) -> ProofFile:
    """Read a proof file. Raises UsageError that says what is wrong with it, and in which line."""
    if not path.is_file():
        raise UsageError(f"no proof file at {path}", hint="Give a file that `write_proof` exported.")
    number = 1
    try:
        with path.open(encoding="utf-8") as file:
            head = json.loads(next(file, "{}"))
            if head.get("format") != FORMAT:
                raise UsageError(f"{path}: format {head.get('format')!r}, expected {FORMAT!r}")
            spec = RolloutSpec.model_validate(head["spec"])
            decision = DecisionMade.model_validate(head["decision"])
            scores = []
            for line in file:
                number += 1
                row = json.loads(line)
                scores.append(LoggedScore(int(row["offset"]), ScoreRecorded.model_validate(row["score"])))
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise UsageError(f"{path}, line {number}: not a proof: {error}") from error
    return ProofFile(spec, decision, tuple(scores))


def collect_proof(bus: Bus, decision_id: str, unreadable: Unreadable) -> ProofFile:
    """Gather a decision's proof from Kafka; records that are no events go to `unreadable`.

    Raises UsageError where the decision or its rollout is not there.
    """
    decisions = [e for _, e in events_in(bus, topics.DECISIONS, unreadable) if isinstance(e, DecisionMade)]
    decision = next((d for d in decisions if d.event_id == decision_id), None)
    if decision is None:
        raise UsageError(
            f"{topics.DECISIONS} holds no decision {decision_id!r}; it holds {len(decisions)} others",
            hint="Give a decision's event id, as the rollout's status shows it.",
        )
    rollout = decision.rollout_id
    states = [e for _, e in events_in(bus, topics.ROLLOUTS, unreadable) if isinstance(e, RolloutChanged)]
    spec = next((s.spec for s in states if s.spec.rollout_id == rollout), None)
    if spec is None:
        raise UsageError(
            f"{topics.ROLLOUTS} holds no rollout {rollout!r}, which decision {decision_id} is about"
        )
    proof = decision.proof
    scores = tuple(
        LoggedScore(record.offset, score)
        for record, event in events_in(bus, topics.SCORES, unreadable)
        if event.key == rollout
        and record.partition == proof.partition
        and proof.first_offset <= record.offset <= proof.last_offset
        for score in scores_of(event)
    )
    return ProofFile(spec, decision, scores)


def _differences(want: DecisionMade, made: DecisionMade) -> tuple[str, ...]:
    if made.model_dump_json() == want.model_dump_json():
        return ()
    a, b = want.model_dump(mode="json"), made.model_dump(mode="json")
    proof_a, proof_b = a.pop("proof"), b.pop("proof")
    found = [name for name in a if a[name] != b[name]]
    found += [f"proof.{name}" for name in proof_a if proof_a[name] != proof_b[name]]
    return tuple(found) or ("bytes",)
