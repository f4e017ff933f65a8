"""The baseline: what base answers to every audit item, and the conditions under which it was asked.

No baseline, no training. A baseline is only ever compared with answers given under the same conditions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, Field
from scipy.stats import binomtest

from evaluator.asking import Ask, ItemAnswer, Progress, answer_items, silent
from evaluator.bounds import p_value
from evaluator.brief import Capability, LoadedBrief
from evaluator.judge import Judge
from telemetry.errors import BaselineError
from telemetry.events import Value, now
from telemetry.files import write_renamed

FLOOR_ALPHA: Final = 0.05
"""A base whose advantage over chance could be luck with more than this probability is at the floor."""
INDEX: Final = "baseline.json"


class Sampling(Value):
    """How the models are asked. Temperature 0 is greedy decoding; `max_tokens` is by capability."""

    temperature: float = 0.0
    system_prompt: str | None = None
    max_tokens: dict[str, int]


class Binding(Value):
    """Everything besides the candidate that answers and scores depend on."""

    base_sha256: str
    brief_sha256: str
    judge_version: str
    engine_version: str
    sampling: Sampling

    def differences(self, other: Binding) -> list[str]:
        """One line for each field in which `other` differs."""
        mine, theirs = self.model_dump(), other.model_dump()
        return [
            f"{name}: {mine[name]} here, {theirs[name]} there" for name in mine if mine[name] != theirs[name]
        ]


class CapabilityBaseline(Value):
    """Base in one capability. `mean` is over scored items, None where none was scored.

    `at_floor` names why a drop could not be seen here, and is None where it could.
    """

    name: str
    n: int
    unscored: int
    mean: float | None
    chance: float
    at_floor: str | None
    answers: tuple[ItemAnswer, ...]


class Baseline(Value):
    """All capabilities of one base under one binding."""

    binding: Binding
    recorded: AwareDatetime = Field(default_factory=now)
    capabilities: tuple[CapabilityBaseline, ...]

    def capability(self, name: str) -> CapabilityBaseline:
        """The capability called `name`; BaselineError where the baseline has none."""
        for found in self.capabilities:
            if found.name == name:
                return found
        raise BaselineError(
            f"the baseline has no capability {name!r}", hint="Record it anew: `belay baseline`."
        )

    def require(self, binding: Binding) -> None:
        """Raise BaselineError, naming every difference, unless it was recorded under `binding`."""
        differences = self.binding.differences(binding)
        if differences:
            raise BaselineError(
                "the baseline cannot be compared, it was recorded under other conditions (baseline here, "
                "wanted there): " + "; ".join(differences),
                hint="Record it anew: `belay baseline`.",
            )


class _Index(Value):
    """The baseline without its answers, and the hash of each file of answers."""

    baseline: Baseline
    answers_sha256: dict[str, str]


def binding_of(
    loaded: LoadedBrief, base_sha256: str, engine_version: str, temperature: float = 0.0
) -> Binding:
    """The binding under which `loaded` is asked of an engine."""
    return Binding(
        base_sha256=base_sha256,
        brief_sha256=loaded.sha256,
        judge_version=Judge(loaded).version,
        engine_version=engine_version,
        sampling=Sampling(
            temperature=temperature,
            system_prompt=loaded.brief.system_prompt,
            max_tokens={c.name: c.max_tokens for c in loaded.brief.capabilities},
        ),
    )


def record_baseline(loaded: LoadedBrief, ask: Ask, binding: Binding, progress: Progress = silent) -> Baseline:
    """Ask base every audit item and judge its answers."""
    answers = answer_items(loaded, ask, Judge(loaded), progress)
    return Baseline(
        binding=binding,
        capabilities=tuple(_capability(c, answers[c.name]) for c in loaded.brief.capabilities),
    )


def _capability(capability: Capability, answers: tuple[ItemAnswer, ...]) -> CapabilityBaseline:
    values = [a.value for a in answers if a.value is not None]
    return CapabilityBaseline(
        name=capability.name,
        n=len(answers),
        unscored=len(answers) - len(values),
        mean=sum(values) / len(values) if values else None,
        chance=capability.chance,
        at_floor=at_floor(values, capability.chance, capability.threshold),
        answers=answers,
    )


def at_floor(values: Sequence[float], chance: float, threshold: float) -> str | None:
    """Why a drop cannot be seen from these scores of base, or None where it can.

    Base is at the floor where its mean is not above chance (exact binomial test where every score is 0 or 1,
    else betting, at `FLOOR_ALPHA`), or where falling all the way to chance would not exceed the threshold.
    """
    if not values:
        return "no item was scored"
    mean = sum(values) / len(values)
    luck = _p_above(values, chance)
    if luck > FLOOR_ALPHA:
        return f"base scores {mean:.0%}, not above chance ({chance:.0%}): p = {luck:.2f}"
    if mean - chance <= threshold:
        return f"base scores {mean:.0%}: falling to chance ({chance:.0%}) is within the threshold ({threshold:.0%})"
    return None


def _p_above(values: Sequence[float], chance: float) -> float:
    """P-value of "the mean is at most `chance`"."""
    if all(value in (0.0, 1.0) for value in values):
        return float(binomtest(round(sum(values)), len(values), chance, alternative="greater").pvalue)
    # A mean of 0 is refuted by any score above 0; the bet against it would have an infinite price.
    return p_value(values, max(chance, 1e-6), FLOOR_ALPHA)


def save_baseline(baseline: Baseline, store: Path) -> Path:
    """Write `<store>/<base sha>/<capability>.jsonl` and the index that binds them; the folder."""
    folder = store / baseline.binding.base_sha256
    folder.mkdir(parents=True, exist_ok=True)
    hashes: dict[str, str] = {}
    for capability in baseline.capabilities:
        lines = "".join(answer.model_dump_json() + "\n" for answer in capability.answers).encode()
        hashes[capability.name] = hashlib.sha256(lines).hexdigest()
        write_renamed(folder / f"{capability.name}.jsonl", lines)
    bare = tuple(c.model_copy(update={"answers": ()}) for c in baseline.capabilities)
    index = _Index(baseline=baseline.model_copy(update={"capabilities": bare}), answers_sha256=hashes)
    # Last, so that an interrupted write leaves no index that names answers which are not there.
    write_renamed(folder / INDEX, index.model_dump_json(indent=2).encode())
    return folder


def load_baseline(store: Path, base_sha256: str) -> Baseline:
    """The baseline of a base. Raises BaselineError where there is none or a file is not what was written."""
    folder = store / base_sha256
    if not (folder / INDEX).is_file():
        raise BaselineError(
            f"no baseline of base {base_sha256[:12]} in {store}", hint="Record it: `belay baseline`."
        )
    try:
        index = _Index.model_validate_json((folder / INDEX).read_bytes())
        whole = tuple(
            c.model_copy(
                update={"answers": _read_answers(folder, c.name, index.answers_sha256.get(c.name, ""))}
            )
            for c in index.baseline.capabilities
        )
    except (OSError, ValueError) as error:
        raise BaselineError(
            f"the baseline in {folder} cannot be read: {error}", hint="Record it anew: `belay baseline`."
        ) from error
    return index.baseline.model_copy(update={"capabilities": whole})


def _read_answers(folder: Path, name: str, sha256: str) -> tuple[ItemAnswer, ...]:
    file = folder / f"{name}.jsonl"
    raw = file.read_bytes()
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise ValueError(f"{file.name} is not what was recorded: its hash differs from the one in {INDEX}")
    return tuple(ItemAnswer.model_validate_json(line) for line in raw.splitlines())
