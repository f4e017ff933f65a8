"""The account of a drill: what was answered, and where each of those interactions is at every later place.

Nothing here believes what the parts say of themselves, but for losses that they named: places are counted by reading
the spool's numbers and the topics, and the evidence is folded once more, in one go, from the scores as they lie there,
each interaction's first one.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from evaluator.watch.evidence.decide import decide
from evaluator.watch.evidence.fold import RolloutEvidence
from evaluator.watch.worker.restoring import read_snapshots
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Reader, Record
from telemetry.errors import UnreadableRecord
from telemetry.events import DeadLettered, InteractionRecorded, ScoreRecorded, ShadowAnswered
from telemetry.score_batches import scores_of
from telemetry.spool.cursor import read_cursor
from telemetry.spool.losses import Ledger
from telemetry.spool.numbering import next_number

if TYPE_CHECKING:
    from tests.drills.drill import Drill


@dataclass(frozen=True)
class Account:
    """Interactions at each place. `told` are losses that were named: by spool or router, or as dead letters.

    `missing` were answered and are not in Kafka; where all is well they are the `told`. `lost` is what is at one place
    and not at the next, without anybody having said so; `twice` were folded more than once. `others` are what else the
    topic of interactions holds, `unrecorded` those of `told` that the router could not write down, `cut` those that are
    recorded and were not answered: their client was cut off. `same_bits` says whether the evidence is that of one fold
    without failures, `why` in what it is not.
    """

    answered: int
    spooled: int
    in_kafka: int
    scored: int
    folded: int
    told: int
    missing: int
    unrecorded: int
    lost: int
    twice: int
    cut: int
    others: int
    same_bits: bool
    why: str = ""


class Counts:
    """What the topics hold, read on and on. Used by one thread.

    `interactions`, `others` and `scored` are ids. `evidence` is what somebody has who reads each score once, and whom
    nobody ever killed; `mine` of the scores are of its rollout. `arrived_ms` is when each record of interactions was
    sent, `scored_ms` when so many scores were (ms since the epoch).
    """

    def __init__(self, drill: Drill) -> None:
        self.interactions: set[str] = set()
        self.others: set[str] = set()
        self.scored: set[str] = set()
        self.mine = 0
        self.evidence = RolloutEvidence(drill.spec)
        self.sent_again: Counter[str] = Counter()
        self.arrived_ms: list[int] = []
        self.scored_ms: list[tuple[int, int]] = []
        self._drill = drill
        self._readers: list[Reader] = []

    def read_on(self) -> None:
        """Read what is new in interactions and scores."""
        for reader in self._opened():
            while records := reader.poll(0.2):
                for record in records:
                    self._take(record)

    def read_whole(self) -> None:
        """Read both to their ends, however long the broker takes. Raises BrokerUnavailable where it says nothing."""
        for reader in self._opened():
            for record in read_to_end(reader):
                self._take(record)

    def _opened(self) -> list[Reader]:
        if not self._readers:
            self._readers = [self._drill.bus.reader([t]) for t in (topics.INTERACTIONS, topics.SCORES)]
        return self._readers

    def _take(self, record: Record) -> None:
        headers = dict(record.headers)
        if record.topic == topics.INTERACTIONS:
            # By its headers alone: forty thousand bodies take a minute to read.
            event_id, kind = headers.get("ce_id", b"").decode(), headers.get("ce_type", b"").decode()
            kinds = {InteractionRecorded.TYPE: self.interactions, ShadowAnswered.TYPE: self.others}
            mine = kinds.get(kind)
            if mine is None:
                return
            self.sent_again["interactions"] += event_id in mine
            mine.add(event_id)
            self.arrived_ms.append(record.timestamp_ms)
            return
        try:
            scores = scores_of(codec.decode(record))
        except UnreadableRecord:
            return
        self.scored_ms.append((record.timestamp_ms, len(scores)))
        for index, score in enumerate(scores):
            if score.interaction_id in self.scored:
                self.sent_again["scores"] += 1
                continue
            self.scored.add(score.interaction_id)
            self._fold(record, index, score)

    def _fold(self, record: Record, index: int, score: ScoreRecorded) -> None:
        if score.rollout_id == self._drill.spec.rollout_id:
            self.mine += 1
            if self.evidence.settle(score, record.partition, record.offset, index):
                decide(self.evidence)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for reader in self._readers:
            reader.close()


def take(drill: Drill, counts: Counts) -> Account:
    """Count. The worker has ended, and with it left a last snapshot."""
    counts.read_whole()
    spool = drill.folder.spool
    spooled = next_number(spool, read_cursor(spool).number, 0) - 1
    unrecorded = int(drill.router().get("unrecorded", 0))
    named = (
        Ledger(spool / "lost.json").records + Ledger(spool / "dropped.json").records + _dead_of_spool(drill)
    )
    answered = set(drill.traffic.heard.answered)
    missing = len(answered - counts.interactions)
    gone = spooled - len(counts.interactions) - len(counts.others) - named
    held = read_snapshots(drill.bus, lambda *_: None).restore(drill.spec)
    folded = held.evidence.settled if held is not None else 0
    state = held.evidence.to_snapshot() if held is not None else {}
    differs = _differences(state, counts.evidence.to_snapshot())
    lost = max(gone, missing - named - unrecorded, 0)
    return Account(
        answered=len(answered),
        spooled=spooled,
        in_kafka=len(counts.interactions),
        scored=len(counts.scored),
        folded=folded,
        told=named + unrecorded,
        missing=missing,
        unrecorded=unrecorded,
        lost=lost + len(counts.interactions - counts.scored) + max(0, counts.mine - folded),
        twice=max(0, folded - counts.mine),
        cut=len(counts.interactions - answered),
        others=len(counts.others),
        same_bits=not differs,
        why=differs,
    )


def _dead_of_spool(drill: Drill) -> int:
    """Records of the spool that became dead letters for another reason than damage, which the spool names itself."""
    found = set()
    with drill.bus.reader([topics.DEAD_LETTERS]) as reader:
        for record in read_to_end(reader):
            try:
                event = codec.decode(record)
            except UnreadableRecord:
                continue
            if isinstance(event, DeadLettered) and event.topic == "spool" and "checksum" not in event.reason:
                found.add(event.event_id)
    return len(found)


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The names of what differs, with a hash of each; empty where all bits are the same."""
    told = []
    for name in sorted({*found, *wanted}):
        mine, other = (json.dumps(state.get(name), sort_keys=True) for state in (found, wanted))
        if mine != other:
            told.append(f"{name} ({_short(mine)}, expected {_short(other)})")
    return ", ".join(told)


def _short(text: str) -> str:
    return text if len(text) <= 40 else hashlib.sha256(text.encode()).hexdigest()[:12]
