"""The capability map measured: what share of production queries each capability has, and what the brief leaves out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from pydantic import AwareDatetime, computed_field

from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.tagging.tagger import Tag
from evaluator.map.mapping.confusion import Confusion
from evaluator.map.mapping.shares import Clustered, Corrected, Estimate, clustered, corrected
from telemetry.events import InteractionRecorded, Value
from telemetry.privacy import redacted
from telemetry.prompts import prompt_of

Unusable = Literal["hashed text", "no prompt", "unreadable", "read twice", "outside the window"]

MOST_GROUPS: Final = 50_000
"""Groups of untagged prompts that are kept at most; where there are more, the rarest are forgotten."""
_WORDS: Final = 6
_SHOWN: Final = 160


class UntaggedGroup(Value):
    """Untagged prompts that begin with the same words, numbers aside: how many, and one of them, redacted."""

    count: int
    example: str


class MeasuredShare(Value):
    """One capability's share, as fractions of the queries of all capabilities.

    `tagged` is how many queries the tagger gave it. `measured` counts tags, with an interval over subjects;
    `corrected` also undoes what the tagger is known to confuse, and is None where nobody knows.
    """

    name: str
    brief: float
    tagged: int
    measured: Estimate
    corrected: Estimate | None

    @computed_field  # type: ignore[prop-decorator]  # pydantic's way of a property in the JSON; mypy knows none
    @property
    def best(self) -> Estimate:
        """The corrected estimate where there is one, else the measured."""
        return self.corrected or self.measured

    @computed_field  # type: ignore[prop-decorator]  # pydantic's way of a property in the JSON; mypy knows none
    @property
    def off(self) -> float:
        """How far the brief's share is from the best estimate; positive where there is more than the brief says."""
        return self.best.share - self.brief

    @computed_field  # type: ignore[prop-decorator]  # pydantic's way of a property in the JSON; mypy knows none
    @property
    def contradicted(self) -> bool:
        """Whether the brief's share lies outside the interval."""
        return not self.best.low <= self.brief <= self.best.high


class Measurement(Value):
    """What was read, and what it says. `elsewhere` is the estimated share of queries that no capability covers."""

    queries: int
    subjects: int
    first: AwareDatetime | None
    last: AwareDatetime | None
    unusable: dict[str, int]
    tagger: str
    untagged: Estimate
    elsewhere: Estimate | None
    capabilities: tuple[MeasuredShare, ...]
    groups: tuple[UntaggedGroup, ...]
    confusion: Confusion | None

    @property
    def widest(self) -> float:
        """The widest of the intervals."""
        return max(c.best.high - c.best.low for c in self.capabilities)


class Traffic:
    """Counts tagged queries by subject, in any order. Every query is counted once, by its event id."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.unusable: Counter[Unusable] = Counter()
        self.first: AwareDatetime | None = None
        self.last: AwareDatetime | None = None
        self._columns = {name: index for index, name in enumerate(self.names)}
        self._by_subject: dict[str, list[int]] = {}
        self._seen: set[str] = set()
        self._groups: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def usable(self, interaction: InteractionRecorded) -> bool:
        """Whether a query can be tagged and is new; what is not is counted with its reason."""
        if interaction.event_id in self._seen:
            self.unusable["read twice"] += 1
            return False
        self._seen.add(interaction.event_id)
        if interaction.text_policy == "hashed":
            self.unusable["hashed text"] += 1
            return False
        if not prompt_of(interaction).strip():
            self.unusable["no prompt"] += 1
            return False
        return True

    def add(self, interaction: InteractionRecorded, tag: Tag) -> None:
        """Count a usable query under its tag."""
        column = len(self.names) if tag.capability is None else self._columns[tag.capability]
        assignment = interaction.assignment
        # A subject without identity never comes back: each of its queries is a subject of its own.
        alone = assignment.subject_source == "request"
        subject = interaction.event_id if alone else assignment.subject
        self._by_subject.setdefault(subject, [0] * (len(self.names) + 1))[column] += 1
        self.first = min(self.first or interaction.time, interaction.time)
        self.last = max(self.last or interaction.time, interaction.time)
        if tag.capability is None:
            self._note(prompt_of(interaction))

    def _note(self, prompt: str) -> None:
        key = group_of(prompt)
        self._groups[key] += 1
        self._examples.setdefault(key, prompt)
        if len(self._groups) > MOST_GROUPS:
            self._groups = Counter(dict(self._groups.most_common(MOST_GROUPS // 2)))
            self._examples = {kept: self._examples[kept] for kept in self._groups}

    @property
    def queries(self) -> int:
        """How many queries were counted."""
        return sum(sum(row) for row in self._by_subject.values())

    @property
    def subjects(self) -> int:
        """How many subjects sent them."""
        return len(self._by_subject)

    def counts(self) -> list[int]:
        """Queries by tag, in the order of the names; the untagged last."""
        rows = self._by_subject.values()
        return [sum(row[column] for row in rows) for column in range(len(self.names) + 1)]

    def share(self, column: int, *, of_tagged: bool) -> Clustered:
        """The share of one column among all queries, or among the tagged ones."""
        rows = self._by_subject.values()
        width = len(self.names) + (not of_tagged)
        return clustered([row[column] for row in rows], [sum(row[:width]) for row in rows])

    def groups(self, most: int) -> tuple[UntaggedGroup, ...]:
        """The most frequent groups of untagged prompts."""
        return tuple(
            UntaggedGroup(count=count, example=shown(self._examples[key]))
            for key, count in self._groups.most_common(most)
        )


def measure(
    loaded: LoadedBrief, traffic: Traffic, tagger: str, confusion: Confusion | None, examples: int = 5
) -> Measurement:
    """What the counted traffic says of the brief's shares. Without a tagged query the intervals are 0 to 1."""
    counts, total = traffic.counts(), traffic.queries
    among_all = [traffic.share(column, of_tagged=False) for column in range(len(counts))]
    measured = [traffic.share(column, of_tagged=True) for column in range(len(counts) - 1)]
    behind: Corrected | None = None
    if confusion is not None and any(counts[:-1]):
        # As sure as of the tag that is known worst: one number has to serve all tags.
        draws = min((s.draws for s in among_all if 0.0 < s.share < 1.0), default=among_all[0].draws)
        behind = corrected([count / total for count in counts], draws, confusion.counts)
    return Measurement(
        queries=total,
        subjects=traffic.subjects,
        first=traffic.first,
        last=traffic.last,
        unusable={reason: count for reason, count in sorted(traffic.unusable.items()) if count},
        tagger=tagger,
        untagged=among_all[-1].estimate,
        elsewhere=behind.elsewhere if behind else None,
        capabilities=tuple(
            MeasuredShare(
                name=c.name,
                brief=c.share,
                tagged=counts[index],
                measured=measured[index].estimate,
                corrected=behind.capabilities[index] if behind else None,
            )
            for index, c in enumerate(loaded.brief.capabilities)
        ),
        groups=traffic.groups(examples),
        confusion=confusion,
    )


def group_of(prompt: str) -> str:
    """What untagged prompts are grouped by: their first words, without case and with any number as one.

    >>> group_of("Translate  page 12 of the manual into German")
    'translate page 0 of the manual'
    """
    return " ".join(re.sub(r"\d+", "0", prompt.casefold()).split()[:_WORDS])


def shown(prompt: str) -> str:
    """A prompt as a report may show it: redacted whatever the policy let through, on one line, not too long."""
    line = " ".join(redacted(prompt).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
