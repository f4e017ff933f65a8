"""Where one subject's data lies in Kafka, when it goes, what stays and why; and its texts deleted before their time.

A subject is in no record by its name: records hold its digest, salted by rollout. So whoever asks names the subject as
its clients do, and the digests are made from the salts of all rollouts that the log knows.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from router.proxy.assign import digest
from telemetry import codec, topics
from telemetry.bus.catching_up import read_to_end
from telemetry.bus.protocols import Bus, Record
from telemetry.errors import UnreadableRecord, UsageError
from telemetry.events import AnswerGraded, DeadLettered, DecisionMade, RolloutChanged
from telemetry.reading import Unreadable, events_in
from telemetry.score_batches import scores_of
from telemetry.topics import TopicSettings

_STAYS: Final = {
    topics.INTERACTIONS: "what was asked and answered, as the text policy left it; keyed by subject, not compacted",
    topics.SCORES: "the digest and a number each; the evidence is their fold, and its proofs are replayed from them",
    topics.GRADES: "the interaction's id and a person's grade, no text of the subject's",
    topics.DECISIONS: "ids of interactions that weighed most; no text and no digest",
    topics.DEAD_LETTERS: "a record that could not be used, as the text policy left it",
}


@dataclass(slots=True)
class Held:
    """What one topic holds of the subject. `last` is when the youngest of its records was written."""

    topic: str
    records: int = 0
    last: datetime | None = None
    gone_by: datetime | None = None

    def see(self, record: Record, keep: timedelta) -> None:
        """Count a record, which stays for `keep`."""
        at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
        self.records += 1
        self.last = at if self.last is None else max(self.last, at)
        self.gone_by = self.last + keep


@dataclass(slots=True)
class Account:
    """All that is there of a subject. `behind` are, by partition, the offsets behind its last interaction.

    `others` is how many records of others lie before those. `scored_to` are the offsets behind the last one
    whose score is there.
    """

    digests: tuple[str, ...]
    held: dict[str, Held] = field(default_factory=dict)
    behind: dict[int, int] = field(default_factory=dict)
    others: int = 0
    scored_to: dict[int, int] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """A row for each topic, for people and programs."""
        return [
            {
                "topic": topic,
                "records": held.records,
                "gone_by": held.gone_by.isoformat(timespec="minutes") if held.gone_by is not None else None,
                "what": _STAYS[topic],
            }
            for topic, held in self.held.items()
        ]

    @property
    def unscored(self) -> list[int]:
        """Partitions in which not everything is scored yet up to the subject's last interaction."""
        return sorted(p for p, behind in self.behind.items() if self.scored_to.get(p, 0) < behind)


def account(bus: Bus, subject: str, settings: TopicSettings, further_salts: Iterable[str] = ()) -> Account:
    """Read the topics once and say what they hold of the subject.

    Raises UsageError for an empty subject, BrokerUnavailable.
    """
    if not subject:
        raise UsageError(
            "no subject was named", hint="Name it as its clients do: a session, a user, an API key."
        )
    salts = dict.fromkeys([*further_salts, *_salts(bus)])
    found = Account(tuple(digest(salt, subject) for salt in salts))
    keep = {
        topics.INTERACTIONS: settings.interactions_days,
        topics.DEAD_LETTERS: settings.dead_letters_days,
    }
    found.held = {topic: Held(topic) for topic in _STAYS}
    ids: set[str] = set()
    for topic, held in found.held.items():
        days = timedelta(days=keep.get(topic, settings.keep_days))
        for record in _of_subject(bus, topic, found, ids):
            held.see(record, days)
    return found


def delete_early(
    found: Account, delete: Callable[[Mapping[int, int]], None], *, with_older: bool = False
) -> None:
    """Delete the subject's interactions at once, and `with_older` all older ones of the same partitions.

    Kafka deletes from the beginning of a partition and nowhere else. Raises UsageError where there are such and nobody
    said that they may go, and where some are not scored yet: that would be evidence lost.
    """
    if found.others and not with_older:
        raise UsageError(
            f"{found.others} older interactions of others lie before them in the same partitions, and would go too",
            hint="Say --with-older where they may: they are scored, and repair, review and map lose them. Without it "
            "the subject's go when `gone by` says (`--dry-run`).",
        )
    if found.unscored:
        raise UsageError(
            f"in partition {', '.join(map(str, found.unscored))} not everything is scored yet that would be deleted",
            hint="Wait until the worker has caught up (`belay status`), and ask again.",
        )
    if found.behind:
        delete(found.behind)


def _salts(bus: Bus) -> Iterator[str]:
    for _, event in events_in(bus, topics.ROLLOUTS, Unreadable()):
        if isinstance(event, RolloutChanged):
            yield event.spec.salt


def _of_subject(bus: Bus, topic: str, found: Account, ids: set[str]) -> Iterator[Record]:
    """The records of a topic that tell something of the subject; interactions come first, and fill `ids`."""
    others: Counter[int] = Counter()
    with bus.reader([topic]) as reader:
        for record in read_to_end(reader):
            if topic == topics.INTERACTIONS:
                # By the key alone: there are a hundred times as many as there is time to decode.
                if (record.key or b"").decode(errors="replace") in found.digests:
                    found.behind[record.partition] = record.offset + 1
                    found.others += others.pop(record.partition, 0)
                    ids.update(_id_of(record))
                    yield record
                else:
                    others[record.partition] += 1
            elif not record.is_tombstone and _tells(record, found, ids):
                yield record


def _id_of(record: Record) -> Iterator[str]:
    try:
        yield codec.decode(record).event_id
    except UnreadableRecord:
        return


def _tells(record: Record, found: Account, ids: Collection[str]) -> bool:
    """Whether a record of scores, grades, decisions or dead letters is about the subject; scores place themselves."""
    try:
        event = codec.decode(record)
    except UnreadableRecord:
        return False
    scores = scores_of(event)
    for score in scores:
        if score.logged is not None:
            scored = found.scored_to.get(score.logged.partition, 0)
            found.scored_to[score.logged.partition] = max(scored, score.logged.offset + 1)
    if scores:
        return any(score.assignment.subject in found.digests for score in scores)
    if isinstance(event, AnswerGraded):
        return event.interaction_id in ids
    if isinstance(event, DecisionMade):
        return any(one in ids for one in event.proof.heaviest)
    if isinstance(event, DeadLettered):
        payload = base64.b64decode(event.payload)
        return any(one.encode() in payload for one in found.digests)
    return False
