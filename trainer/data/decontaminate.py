"""Drops training examples that share words with benchmark items, and reports each: which, with what, how.

A score on items that were trained on says nothing. Texts are compared as words: Unicode letters, digits and
underscores after NFKC and case folding, so that punctuation, case and white space make no difference.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any, Final

from telemetry.errors import UsageError
from trainer.config import DecontaminationSettings
from trainer.data.dialogues import Dialogue, Source

NORMALISATION: Final = "NFKC, case folded, runs of Unicode letters, digits and underscores"
_WORD = re.compile(r"\w+")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a text shares with an item: `shared` are the words, `whole` says that they are all of the item's."""

    item: str
    shared: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A dropped example: the `number`-th dialogue of its source, counted from 1, and the turn that gave it away."""

    source: str
    number: int
    role: str
    text: str
    overlap: Overlap


@dataclass(frozen=True, slots=True)
class Report:
    """What was compared with what, and what was dropped. `examined` and `dropped` count dialogues by source."""

    settings: DecontaminationSettings
    items: int
    templates: int
    examined: dict[str, int]
    dropped: dict[str, int]
    hits: tuple[Hit, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        return {
            "ngram": self.settings.ngram,
            "common": self.settings.common,
            "normalisation": NORMALISATION,
            "items": self.items,
            "template_ngrams": self.templates,
            "examined": self.examined,
            "dropped": self.dropped,
            "hits": [asdict(hit) for hit in self.hits],
        }

    def table(self) -> str:
        """The report as Markdown: a line for each source, and the items that were met most often."""
        lines = ["| source | dialogues | dropped | most often for |", "|---|---:|---:|---|"]
        for source, examined in self.examined.items():
            met = Counter(hit.overlap.item for hit in self.hits if hit.source == source)
            often = ", ".join(f"{item} ({count})" for item, count in met.most_common(_SHOWN))
            lines.append(f"| {source} | {examined} | {self.dropped[source]} | {often} |")
        return "\n".join(lines)


class Protected:
    """The texts of benchmark items, by their words.

    A text overlaps an item where both have the same `ngram` words in a row, unless more than `common` items have
    them: those are the template that a benchmark asks by. Of an item that is nothing but template all words are
    needed. An item of fewer words than `ngram` is met only by a question that is exactly the same, in `asked`:
    so a short reference such as "positive" protects nothing by itself; its question does.
    """

    def __init__(self, texts: Iterable[tuple[str, str]], settings: DecontaminationSettings) -> None:
        """`texts` are (item's name, text), those of one item one after another."""
        self.settings = settings
        self.items = 0
        self._item: dict[str, str] = {}
        counts: Counter[str] = Counter()
        listed: list[tuple[str, list[str]]] = []
        for name, group in groupby(texts, key=lambda pair: pair[0]):
            self.items += 1
            said = [words(text) for _, text in group]
            listed += [(name, text) for text in said if text]
            counts.update({run for text in said for run in self._runs(text)})
        self._templates = {run for run, count in counts.items() if count > settings.common}
        self._short: dict[str, str] = {}
        self._all_template: dict[
            str, list[tuple[str, str]]
        ] = {}  # by the first run: the whole text, its item
        for name, text in listed:
            self._add(name, text)

    def _add(self, name: str, text: list[str]) -> None:
        runs, whole = self._runs(text), " ".join(text)
        own = [run for run in runs if run not in self._templates]
        for run in own:
            self._item.setdefault(run, name)
        if not runs:
            self._short.setdefault(whole, name)
        elif not own:
            self._all_template.setdefault(runs[0], []).append((whole, name))

    @property
    def templates(self) -> int:
        """How many runs of words are templates."""
        return len(self._templates)

    def overlap(self, text: str, *, asked: bool) -> Overlap | None:
        """What the text shares with an item, None where nothing. `asked` says that it is a question."""
        said = words(text)
        whole = " ".join(said)
        if asked and whole in self._short:
            return Overlap(self._short[whole], whole, whole=True)
        for run in self._runs(said):
            if run in self._item:
                return Overlap(self._item[run], run, whole=False)
            for item, name in self._all_template.get(run, ()):
                if f" {item} " in f" {whole} ":
                    return Overlap(name, item, whole=True)
        return None

    def _runs(self, said: Sequence[str]) -> list[str]:
        length = self.settings.ngram
        return [" ".join(said[first : first + length]) for first in range(len(said) - length + 1)]


def words(text: str) -> list[str]:
    """The words by which texts are compared.

    >>> words("Das ist Spaß: 3,5 km — LOS!")
    ['das', 'ist', 'spass', '3', '5', 'km', 'los']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def clean(sources: Sequence[Source], protected: Protected) -> tuple[list[Source], Report]:
    """The sources without the dialogues that overlap an item, and the report.

    The system's turns are not looked at. Raises UsageError where a source has nothing left.
    """
    hits: list[Hit] = []
    cleaned = []
    for source in sources:
        kept = []
        for number, dialogue in enumerate(source.dialogues, start=1):
            hit = _hit(source.name, number, dialogue, protected)
            if hit is None:
                kept.append(dialogue)
            else:
                hits.append(hit)
        if not kept:
            raise UsageError(
                f"source {source.name!r}: all of its {len(source.dialogues)} dialogues share words with benchmark "
                f"items; the last one with {hits[-1].overlap.item}: {hits[-1].overlap.shared!r}",
                hint="Leave the source out, or raise decontaminate.ngram.",
            )
        cleaned.append(replace(source, dialogues=tuple(kept)))
    dropped = Counter(hit.source for hit in hits)
    return cleaned, Report(
        settings=protected.settings,
        items=protected.items,
        templates=protected.templates,
        examined={source.name: len(source.dialogues) for source in sources},
        dropped={source.name: dropped[source.name] for source in sources},
        hits=tuple(hits),
    )


def _hit(source: str, number: int, dialogue: Dialogue, protected: Protected) -> Hit | None:
    for turn in dialogue.messages:
        if turn.role == "system":
            continue
        overlap = protected.overlap(turn.content, asked=turn.role == "user")
        if overlap is not None:
            return Hit(source, number, turn.role, turn.content, overlap)
    return None
