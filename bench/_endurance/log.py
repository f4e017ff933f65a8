"""A log of months that is made as it is read: the same records at the same offsets, whoever reads them and how often.

Records are bytes as the scorer writes them, so that reading them costs what it costs behind Kafka, but for its client.
What a decider publishes is kept as a compacted topic keeps it, and counted.
"""

from __future__ import annotations

import hashlib
import pickle
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from telemetry import codec, topics
from telemetry.bus.protocols import Encoded, Record
from telemetry.events import (
    Allotment,
    AuditRef,
    CapabilityWatch,
    ModelRef,
    RolloutChanged,
    RolloutSpec,
    Stage,
    derived_id,
)
from telemetry.subjects import unit_of

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
BATCH = 100
"""Scores of one record: what a poll of a busy scorer judges."""
NAMES = ("support", "facts", "sentiment", "extraction", "json", "lists", "summary", "code", "sums", "words")
SHARES = (0.05, 0.25, 0.5)
VISITS = 4.0
"""Interactions of a subject, on average."""
ROUTERS = 4
PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Months:
    """So many scores over thirty days: of `rollouts` the first `ended` end early, the others live on."""

    scores: int
    rollouts: int
    live: int
    seed: int

    @property
    def records(self) -> int:
        """Records of scores."""
        return self.scores // BATCH

    def rollout_of(self, record: int) -> int:
        """Whose scores a record holds.

        Rollouts that will end have a half of the first tenth; of all else one live rollout has a half.
        """
        ended = self.rollouts - self.live
        if record < self.records // 10 and record % 2:
            return record * 10 * ended // self.records if ended else 0
        draw = hashlib.blake2b(b"%d/%d" % (self.seed, record), digest_size=2).digest()
        pick = int.from_bytes(draw, "big")
        return ended + (0 if pick % 2 else pick // 2 % self.live)

    def share_at(self, record: int) -> tuple[int, float]:
        """Stage and share then."""
        stage = min(record * 10 // self.records, 2)
        return stage, SHARES[stage]


def spec(rollout: int) -> RolloutSpec:
    """A rollout with ten watched capabilities."""
    return RolloutSpec(
        rollout_id=f"r-{rollout:04d}",
        model_alias="support",
        base=ModelRef(name="base", sha256="b" * 64),
        candidate=ModelRef(name="candidate", sha256="c" * 64),
        salt=f"{rollout:032x}",
        capabilities=tuple(
            CapabilityWatch(
                name=name, role="target" if name == NAMES[0] else "adjacent", threshold=0.05, weight=0.1
            )
            for name in NAMES
        ),
        stages=tuple(Stage(share=share, min_units=1000) for share in SHARES),
        advance="manual",
        shadow=0.05,
        brief_sha256="d" * 64,
        audit=AuditRef(verdict="pass", sha256="e" * 64),
    )


def state(rollout: int, *, revision: int, status: Any) -> RolloutChanged:
    """A rollout's state."""
    the_spec = spec(rollout)
    return RolloutChanged(
        event_id=derived_id(the_spec.rollout_id, str(revision)),
        time=START,
        source="bench",
        spec=the_spec,
        revision=revision,
        status=status,
        stage=0,
        share=SHARES[0],
        since=START,
        actor="bench",
        reason="bench",
        allotment=Allotment(settled=0, by_capability={}, otherwise=0.05),
    )


def scores_record(months: Months, number: int) -> Record:
    """The record of scores at this offset, as JSON that is put together by hand: making it must cost little."""
    rng = random.Random(months.seed << 40 | number)
    rollout, (stage, share) = months.rollout_of(number), months.share_at(number)
    at = START + timedelta(days=DAYS * number / months.records)
    time = at.isoformat().replace("+00:00", "Z")
    name, first = f"r-{rollout:04d}", number * BATCH
    people = max(
        1, int(months.scores * (0.5 if rollout == months.rollouts - months.live else 0.025) / VISITS)
    )
    parts = []
    for n in range(first, first + BATCH):
        subject = hashlib.blake2b(b"%d/%d" % (rollout, rng.randrange(people)), digest_size=16).hexdigest()
        arm = "candidate" if unit_of(subject) < share else "control"
        value = 1.0 if rng.random() < 0.8 else 0.0
        drawn = rng.random() < 0.05
        parts.append(
            f'{{"event_id":"{n:032x}","time":"{time}","source":"belay/scorer","rollout_id":"{name}",'
            f'"interaction_id":"{n:032x}","interaction_time":"{time}","assignment":{{"subject":"{subject}",'
            f'"subject_source":"session","arm":"{arm}","share":{share},"stage":{stage},"revision":{stage + 1}}},'
            f'"capability":"{rng.choice(NAMES)}","tag_confidence":0.97,"value":{value},"unscored":null,'
            f'"unscored_why":null,"other_value":{value if drawn else "null"},"judge":"programs@0123456789ab",'
            f'"basis":"prompt","judged_fraction":1.0,"refused":false,"failed":false,"total_ms":812.25,'
            f'"router":"router-{n % ROUTERS}","draw":{{"capability":"facts","fraction":0.05,"drawn":'
            f'{"true" if drawn else "false"}}},"spooled":{{"spool":"{n % ROUTERS:032x}","segment":{n // 5000},'
            f'"offset":{n % 5000 * 1500}}},"logged":{{"partition":{n % PARTITIONS},"offset":{n // PARTITIONS}}}}}'
        )
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_type", b"belay.scores.recorded"),
        ("ce_id", f"batch-{number}".encode()),
        ("ce_source", b"belay/scorer"),
        ("ce_time", at.isoformat().encode()),
        ("content-type", b"application/json"),
    )
    body = f'{{"rollout_id":"{name}","scores":[{",".join(parts)}]}}'.encode()
    return Record(topics.SCORES, 0, number, name.encode(), headers, body, 0)


class Pile:
    """The last record of each key, in a file: what a broker holds is not the memory of whoever writes to it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        self._at: dict[bytes, tuple[int, int]] = {}
        index = path.with_suffix(".index")
        self._index = index
        if index.is_file():
            self._at = pickle.loads(index.read_bytes())  # noqa: S301 -- ours, written a moment ago

    def close(self) -> None:
        """Leave what is there for another process."""
        self._file.close()
        self._index.write_bytes(pickle.dumps(self._at))

    def put(self, encoded: Encoded) -> None:
        """Keep a record in place of the one before it."""
        line = pickle.dumps(encoded)
        self._at[encoded.key] = self._file.seek(0, 2), len(line)
        self._file.write(line)

    def records(self, begin: int) -> list[Encoded]:
        """All from the number `begin` on, in the order in which their keys came."""
        self._file.flush()
        found = []
        for at, size in list(self._at.values())[begin:]:
            self._file.seek(at)
            # Ours, written a moment ago.
            found.append(pickle.loads(self._file.read(size)))  # noqa: S301
        return found

    def __len__(self) -> int:
        return len(self._at)

    @property
    def bytes(self) -> int:
        """What the last records of all keys take."""
        return sum(size for _, size in self._at.values())


@dataclass(slots=True)
class MadeLog:
    """A bus over such a log. `upto` is how much of it there is now; `making_s` the CPU that making records took."""

    months: Months
    clock: Any
    kept: Pile
    upto: int = 0
    making_s: float = 0.0
    states: list[Record] = field(default_factory=list)
    written_bytes: int = 0
    largest_bytes: int = 0
    decisions: int = 0

    def ensure_topics(self) -> None:
        """They are there."""

    def topic_id(self, topic: str) -> str | None:
        """There is one of each."""
        return topic

    def publisher(self) -> Kept:
        """Where a decider's records go."""
        return Kept(self)

    def reader(self, wanted: Sequence[str], group: str | None = None, start: str = "earliest") -> MadeReader:
        """A reader of these topics."""
        del group, start
        return MadeReader(self, wanted)

    def tell(self, changed: RolloutChanged) -> None:
        """Add a rollout's state."""
        encoded = codec.encode(changed)
        self.states.append(
            Record(topics.ROLLOUTS, 0, len(self.states), encoded.key, encoded.headers, encoded.value, 0)
        )


class Kept:
    """Counts and keeps what is published."""

    def __init__(self, log: MadeLog) -> None:
        self._log = log

    def send(self, encoded: Encoded) -> None:
        """Keep a snapshot's piece under its key, count a decision."""
        log = self._log
        log.largest_bytes = max(log.largest_bytes, encoded.size)
        if encoded.topic == topics.SNAPSHOTS:
            log.written_bytes += encoded.size
            log.kept.put(encoded)
        else:
            log.decisions += 1

    def flush(self, timeout_s: float = 10.0) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class MadeReader:
    """Reads what there is now."""

    def __init__(self, log: MadeLog, wanted: Sequence[str]) -> None:
        self._log = log
        self._at = dict.fromkeys(wanted, 0)

    def poll(self, timeout_s: float = 1.0) -> list[Record]:
        """The next records; at most five of scores, so that no more of them are in memory than behind Kafka."""
        del timeout_s
        return [record for topic in self._at for record in self._next(topic)]

    def _next(self, topic: str) -> list[Record]:
        log, at = self._log, self._at[topic]
        if topic == topics.SCORES:
            began = log.clock()
            found = [scores_record(log.months, n) for n in range(at, min(at + 5, log.upto))]
            log.making_s += log.clock() - began
        elif topic == topics.ROLLOUTS:
            found = log.states[at:]
        elif topic == topics.SNAPSHOTS:
            found = [
                Record(topic, 0, n, e.key, e.headers, e.value, 0)
                for n, e in enumerate(log.kept.records(at), start=at)
            ]
        else:
            found = []
        self._at[topic] += len(found)
        return found

    def _end(self, topic: str) -> int:
        log = self._log
        ends = {topics.SCORES: log.upto, topics.ROLLOUTS: len(log.states), topics.SNAPSHOTS: len(log.kept)}
        return ends.get(topic, 0)

    def end_offsets(self) -> dict[tuple[str, int], int]:
        """Where the topics end."""
        return {(topic, 0): self._end(topic) for topic in self._at}

    def begin_offsets(self) -> dict[tuple[str, int], int]:
        """They begin at the beginning."""
        return {(topic, 0): 0 for topic in self._at}

    def offsets_at(self, time_ms: int) -> dict[tuple[str, int], int]:
        """Nobody looks anything up by its time."""
        raise NotImplementedError(f"what was written at {time_ms}")

    def positions(self) -> dict[tuple[str, int], int]:
        """How far it has read."""
        return {(topic, 0): at for topic, at in self._at.items()}

    def holds_from(self, topic: str, partition: int, offset: int) -> bool:
        """Whether there is more."""
        del partition
        return offset < self._end(topic)

    def joined(self) -> bool:
        """There are no groups."""
        return True

    def commit(self, done: object = None) -> None:
        """Nothing is committed."""

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Go on from there."""
        del partition
        self._at[topic] = offset

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
