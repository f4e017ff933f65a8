"""The data of a training as they lie in files: read, cleaned, and named by hash. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from evaluator.audit.benchmarks.texts import brief_texts
from evaluator.briefs.brief import LoadedBrief
from trainer.config import TrainSettings
from trainer.data.decontaminate import Protected, Report, clean
from trainer.data.dialogues import Source, data_sha256
from trainer.data.formats import load_sources

_LATER: Final[dict[str, dict[str, Any]]] = {
    "lora": {"keep": 16},
    "merge": {"prune": None},
    "rehearsal": {"general": 0, "general_share": 0.5},
    "checkpoints": {"kl_prompts": 16, "most_kl": None},
}
"""Keys that came after the first release, with the values at which a training is what it was before there were any."""
_LATER_BLOCKS: Final = ("average", "target")
"""Whole blocks that came later, likewise: what is absent is left out."""


@dataclass(frozen=True, slots=True)
class Data:
    """The sources as they were read, without what overlaps a benchmark; `report` says what that was."""

    sources: tuple[Source, ...]
    report: Report | None


def read_data(settings: TrainSettings, loaded: LoadedBrief | None) -> Data:
    """Read every source and drop what overlaps a benchmark. Without torch: a wrong line is told at once."""
    sources = load_sources(settings)
    if settings.decontaminate is None or loaded is None:
        return Data(tuple(sources), None)
    cleaned, report = clean(sources, Protected(brief_texts(loaded), settings.decontaminate))
    return Data(tuple(cleaned), report)


def named_by_content(settings: TrainSettings, loaded: LoadedBrief | None) -> dict[str, Any]:
    """The settings that decide the result, with every file by its hash.

    Where files lie and judges answer, how many threads there are and who is told of the progress decide nothing. Keys
    of `_LATER` are left out at the values there, blocks of `_LATER_BLOCKS` where there are none, so that a training
    that an older version made or began is the same.
    """
    found = settings.model_dump(mode="json", exclude={"base", "data", "output", "judges", "threads", "track"})
    found["brief"] = loaded.sha256 if loaded is not None else None
    for source, row in zip(settings.mix, found["mix"], strict=True):
        row["path"] = data_sha256(source.path)
    if settings.rehearsal is not None and settings.rehearsal.prompts is not None:
        found["rehearsal"]["prompts"] = data_sha256(settings.rehearsal.prompts)
    if settings.ewc is not None:
        del found["ewc"]["sidecar"]
    for block, later in _LATER.items():
        if found[block] is not None:
            found[block] = {k: v for k, v in found[block].items() if k not in later or v != later[k]}
    return {key: value for key, value in found.items() if value is not None or key not in _LATER_BLOCKS}
