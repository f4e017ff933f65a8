"""The baseline: what base answers to every item of every measure, and the conditions under which it was asked.

No baseline, no training. A baseline is only ever compared with answers given under the same conditions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, Field

from evaluator.audit.asking.answering import Answers
from evaluator.audit.asking.everything import ask_everything
from evaluator.audit.asking.probe import Fingerprint
from evaluator.audit.measure_baseline import MeasureBaseline, left, measured
from evaluator.audit.measures.answers import ItemAnswer, Progress, silent
from evaluator.audit.measures.items_measure import ITEMS
from evaluator.audit.measures.measure import Measure
from evaluator.briefs.brief import LoadedBrief
from telemetry.errors import BaselineError
from telemetry.events import Value, now
from telemetry.files import write_renamed

INDEX: Final = "baseline.json"
FORMAT: Final = 2
"""Of the files. Until 1, what a judge failed to judge was kept as if it were a result; 1 stands in no file."""


class Sampling(Value):
    """How the models are asked. Temperature 0 is greedy decoding; `max_tokens` is by capability."""

    temperature: float = 0.0
    system_prompt: str | None = None
    max_tokens: dict[str, int]


class Binding(Value):
    """Everything besides the candidate that answers and scores depend on. `measures` are versions by measure."""

    base_sha256: str
    brief_sha256: str
    judge_version: str
    engine_version: str
    sampling: Sampling
    measures: dict[str, str]

    def differences(self, other: Binding) -> list[str]:
        """One line for each field in which `other` differs, and for each measure."""
        mine, theirs = _flat(self), _flat(other)
        return [
            f"{name}: {mine.get(name, 'none')} here, {theirs.get(name, 'none')} there"
            for name in dict.fromkeys([*mine, *theirs])
            if mine.get(name) != theirs.get(name)
        ]


class Baseline(Value):
    """All measures of one base under one binding.

    `fingerprint` tells base from a candidate that is served in its place; None where base's engine gave none.
    """

    binding: Binding
    fingerprint: Fingerprint | None = None
    recorded: AwareDatetime = Field(default_factory=now)
    measures: tuple[MeasureBaseline, ...]

    @property
    def capabilities(self) -> tuple[MeasureBaseline, ...]:
        """Each capability by the brief's own items: what the judge sees online."""
        return tuple(m for m in self.measures if m.measure == ITEMS)

    def capability(self, name: str) -> MeasureBaseline:
        """The capability called `name`, by the brief's own items; BaselineError where the baseline has none."""
        return self.measure(name, ITEMS)

    def measure(self, capability: str, measure: str) -> MeasureBaseline:
        """One measure of a capability; BaselineError where the baseline has none."""
        for found in self.measures:
            if (found.name, found.measure) == (capability, measure):
                return found
        raise BaselineError(
            f"the baseline has no measure {measure!r} of capability {capability!r}",
            hint="Record it anew: `belay baseline`.",
        )

    def require(self, binding: Binding) -> None:
        """Raise BaselineError, naming every difference, unless it was recorded under `binding`."""
        differences = self.binding.differences(binding)
        if differences:
            raise BaselineError(
                "the baseline cannot be compared, it was recorded under other conditions (baseline here, "
                "wanted there): " + "; ".join(differences),
                hint="Record it anew: `belay baseline`. What has not changed is not asked again.",
            )


class _Index(Value):
    """The baseline without its answers, and the hash of each file of answers."""

    format: int = 1
    baseline: Baseline
    answers_sha256: dict[str, str]


def binding_of(
    loaded: LoadedBrief,
    measures: Sequence[Measure],
    *,
    base_sha256: str,
    judge_version: str,
    engine_version: str,
    temperature: float = 0.0,
) -> Binding:
    """The binding under which the measures of `loaded` are asked of an engine."""
    return Binding(
        base_sha256=base_sha256,
        brief_sha256=loaded.sha256,
        judge_version=judge_version,
        engine_version=engine_version,
        sampling=Sampling(
            temperature=temperature,
            system_prompt=loaded.brief.system_prompt,
            max_tokens={c.name: c.max_tokens for c in loaded.brief.capabilities},
        ),
        measures={f"{m.capability}/{m.name}": m.version for m in measures},
    )


def record_baseline(
    measures: Sequence[Measure],
    base: Answers,
    binding: Binding,
    *,
    lazy: bool = False,
    progress: Progress = silent,
) -> Baseline:
    """Ask base every item of every measure. With `lazy` only the brief's own: benchmarks are left for audits to ask.

    The brief's items are always asked, since they say which capabilities are watched online. Raises EngineFailed, and
    JudgeFailed where an item could not be judged: a baseline has a result for each of its items, or is none.
    """
    chosen = [m for m in measures if m.name == ITEMS or not lazy]
    asked = iter(ask_everything(base, chosen, progress))
    found = tuple(measured(m, next(asked)) if m in chosen else left(m) for m in measures)
    return Baseline(binding=binding, measures=found)


def save_baseline(baseline: Baseline, store: Path) -> Path:
    """Write `<store>/<base sha>/`: a file of answers a measure, and the index that binds them; the folder."""
    folder = store / baseline.binding.base_sha256
    folder.mkdir(parents=True, exist_ok=True)
    hashes: dict[str, str] = {}
    for measure in baseline.measures:
        lines = "".join(answer.model_dump_json() + "\n" for answer in measure.answers).encode()
        hashes[_file_of(measure)] = hashlib.sha256(lines).hexdigest()
        write_renamed(folder / _file_of(measure), lines)
    bare = tuple(m.model_copy(update={"answers": ()}) for m in baseline.measures)
    index = _Index(
        format=FORMAT, baseline=baseline.model_copy(update={"measures": bare}), answers_sha256=hashes
    )
    # Last, so that an interrupted write leaves no index that names answers which are not there.
    write_renamed(folder / INDEX, index.model_dump_json(indent=2).encode())
    return folder


def load_baseline(store: Path, base_sha256: str) -> Baseline:
    """The baseline of a base. Raises BaselineError where there is none, or an old one, or a file was changed."""
    folder = store / base_sha256
    if not (folder / INDEX).is_file():
        raise BaselineError(
            f"no baseline of base {base_sha256[:12]} in {store}", hint="Record it: `belay baseline`."
        )
    try:
        index = _Index.model_validate_json((folder / INDEX).read_bytes())
        _require_format(index, folder)
        whole = tuple(
            m.model_copy(
                update={
                    "answers": _read_answers(folder, _file_of(m), index.answers_sha256.get(_file_of(m), ""))
                }
            )
            for m in index.baseline.measures
        )
    except (OSError, ValueError) as error:
        raise BaselineError(
            f"the baseline in {folder} cannot be read: {error}", hint="Record it anew: `belay baseline`."
        ) from error
    return index.baseline.model_copy(update={"measures": whole})


def _require_format(index: _Index, folder: Path) -> None:
    if index.format < FORMAT:
        raise BaselineError(
            f"the baseline in {folder} was recorded by an older Belay (format {index.format}, expected {FORMAT}), "
            "which kept what a judge failed to judge as if it were a result",
            hint="Record it anew: `belay baseline`. What base answered is known and not asked again.",
        )
    if index.format > FORMAT:
        raise BaselineError(
            f"the baseline in {folder} was recorded by a newer Belay (format {index.format}, expected {FORMAT})",
            hint="Use that one, or record it anew: `belay baseline`.",
        )


def _file_of(measure: MeasureBaseline) -> str:
    """`facts.jsonl` for the brief's items, `facts.arc_easy.jsonl` for a benchmark; another name is told by its hash."""
    if measure.measure == ITEMS:
        return f"{measure.name}.jsonl"
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", measure.measure)
    if plain != measure.measure:
        plain += "-" + hashlib.sha256(measure.measure.encode()).hexdigest()[:8]
    return f"{measure.name}.{plain}.jsonl"


def _flat(binding: Binding) -> dict[str, object]:
    fields = binding.model_dump()
    versions = fields.pop("measures")
    return fields | {f"version of {name}": version for name, version in versions.items()}


def _read_answers(folder: Path, file: str, sha256: str) -> tuple[ItemAnswer, ...]:
    raw = (folder / file).read_bytes()
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise ValueError(f"{file} is not what was recorded: its hash differs from the one in {INDEX}")
    return tuple(ItemAnswer.model_validate_json(line) for line in raw.splitlines())
