"""What the trainings of one run share: the data as the model reads them, what is rehearsed among them, and probes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evaluator.briefs.brief import LoadedBrief
from serving.progress import Report
from trainer.config import RehearsalSettings, TrainSettings
from trainer.data.encoding import Example
from trainer.data.feed import Encoded, EncodedSource, Feed, encode_data
from trainer.data.reading import Data
from trainer.loop.processes import accelerator
from trainer.rehearsing.lazy_base import LazyBase
from trainer.rehearsing.rehearsal import Rehearsal, rehearse_for
from trainer.watching.drift import Probes, choose_probes, encode_probes

_MEASURED_TOKENS = 32  # of base's answer to an exemplar that nothing is learnt from


@dataclass(frozen=True, slots=True)
class Stock:
    """Data and probes of a run. `notice` is told what a person should know.

    `encoded` holds what is rehearsed too. `only_measured` are examples of what should be retained, for the Fisher and
    CorDA where no source holds any.
    """

    base_sha256: str
    encoded: Encoded
    padding: int
    probes: Probes | None
    notice: Callable[[str], None]
    rehearsal: Rehearsal | None = None
    only_measured: tuple[Example, ...] = ()

    @property
    def sources(self) -> tuple[EncodedSource, ...]:
        """The examples, by source."""
        return self.encoded.sources

    @property
    def retention(self) -> tuple[Example, ...]:
        """All examples of what should be retained."""
        replayed = (e for source in self.sources if not source.new_task for e in source.examples)
        return tuple(replayed) or self.only_measured

    def feed(self, settings: TrainSettings) -> Feed:
        """What each step is given."""
        packed_to = settings.max_length if settings.packing else None
        return Feed(self.sources, settings.batch_size, settings.seed, packed_to)


def stock_of(
    settings: TrainSettings,
    loaded: LoadedBrief | None,
    data: Data,
    base: LazyBase,
    report: Report,
    notice: Callable[[str], None],
) -> Stock:
    """Have base answer what these settings rehearse, and encode it with the data. Base is forgotten then.

    In a run of many processes all of them call it; the main one asks, and the others read its answers. Raises as
    `rehearse_for` and `encode_data`.
    """
    rehearsal = _rehearsed(settings, loaded, base, report)
    rehearsed = rehearsal.sources if rehearsal is not None else ()
    encoded = encode_data((*data.sources, *rehearsed), base.tokenizer, settings.max_length)
    return Stock(
        base_sha256=base.sha256,
        encoded=encoded,
        padding=base.tokenizer.pad_token_id or 0,
        probes=_probes(settings, loaded, base.tokenizer),
        notice=notice,
        rehearsal=rehearsal,
        only_measured=_only_measured(settings, loaded, encoded, base, report),
    )


def _rehearsed(
    settings: TrainSettings, loaded: LoadedBrief | None, base: LazyBase, report: Report
) -> Rehearsal | None:
    def told(done: int, total: int, note: str) -> None:
        report(done, total, f"base answers what is to be kept, {note}")

    with accelerator().main_process_first():
        found = rehearse_for(settings, loaded, base.conversations(told))
    base.forget()
    return found


def _only_measured(
    settings: TrainSettings, loaded: LoadedBrief | None, encoded: Encoded, base: LazyBase, report: Report
) -> tuple[Example, ...]:
    """Base's answers to the brief's exemplars, for a method that needs retention data where none are replayed."""
    needed = settings.ewc is not None or settings.lora.variant == "corda"
    if not needed or loaded is None or any(not source.new_task for source in encoded.sources):
        return ()
    exemplars = RehearsalSettings(max_new_tokens=_MEASURED_TOKENS)
    found = _rehearsed(settings.model_copy(update={"rehearsal": exemplars}), loaded, base, report)
    sources = found.sources if found is not None else ()
    measured = encode_data(sources, base.tokenizer, settings.max_length)
    return tuple(example for source in measured.sources for example in source.examples)


def _probes(settings: TrainSettings, loaded: LoadedBrief | None, tokenizer: Any) -> Probes | None:
    if settings.watch is None:
        return None
    capabilities = loaded.brief.capabilities if loaded is not None else ()
    adjacent = [c.exemplars for c in capabilities if c.role == "adjacent"]
    return encode_probes(choose_probes(adjacent, settings.watch.probes), tokenizer)
