"""The capability brief: the file that names what users rely on, written and reviewed by people."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from evaluator.items import Item as Item  # noqa: PLC0414 - part of what a brief promises
from evaluator.items import Split, check_items, load_items
from evaluator.verifiers import VERIFIERS
from telemetry.errors import BriefError

if TYPE_CHECKING:
    from hashlib import _Hash


class Settings(BaseModel):
    """A frozen setting that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JudgeEndpoint(Settings):
    """A model that judges, behind the OpenAI API at `url`. It grades from 1 to `best`; scores are (grade-1)/(best-1).

    `rubric` says what a good answer is. The key is read from the environment variable `api_key_env`.
    """

    url: str
    model: str
    rubric: str
    best: int = Field(default=10, ge=2)
    api_key_env: str | None = None


class JudgeSettings(Settings):
    """What scores the capability: a verifier (a program) with its options, or a model at an endpoint."""

    verifier: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    endpoint: JudgeEndpoint | None = None

    @field_validator("verifier")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in VERIFIERS:
            raise ValueError(
                f"no verifier {name!r}{_near(name, VERIFIERS)}; there are {', '.join(VERIFIERS)}"
            )
        return name

    @model_validator(mode="after")
    def _one(self) -> JudgeSettings:
        if (self.verifier is None) == (self.endpoint is None):
            raise ValueError("a judge is either a 'verifier' or an 'endpoint': give exactly one of the two")
        return self


class BenchmarkSettings(Settings):
    """A public benchmark that measures the capability too: an lm-eval task by lm-eval's own name, or MT-Bench.

    `metric` is one of the task's own (its first where None), `fewshot` how many examples stand before a question
    (the task's own number where None); with `chat_template` the model's chat template is applied. `limit` asks only
    so many of its items, drawn by a fixed seed. `threshold` and `chance` are as the capability's: the capability's
    threshold where None; 1 in so many choices, or 0 without choices, where None. MT-Bench needs a `judge`; its
    threshold is on the scale from 0 to 1, of which one grade in ten is 1/9.
    """

    lm_eval: str | None = None
    mt_bench: str | None = None
    metric: str | None = None
    fewshot: Annotated[int, Field(ge=0)] | None = None
    chat_template: bool = False
    limit: Annotated[int, Field(gt=0)] | None = None
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    chance: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    judge: JudgeEndpoint | None = None

    @model_validator(mode="after")
    def _one(self) -> BenchmarkSettings:
        if (self.lm_eval is None) == (self.mt_bench is None):
            raise ValueError("a benchmark is either 'lm_eval' or 'mt_bench': give exactly one of the two")
        if self.mt_bench is not None and self.judge is None:
            raise ValueError("MT-Bench is graded by a model: give 'judge' with its url, model and rubric")
        return self


class Capability(Settings):
    """One category of tasks that users rely on.

    `share` is its fraction of production traffic. `threshold` is the largest drop tolerated, in score
    points on [0, 1]. `items` is a JSONL file of benchmark items beside the brief; `exemplars` are user
    prompts that teach the tagger, in the brief as a list or as the name of a text file beside it, one prompt
    a line. `chance` is what guessing scores: a base not above it is at the floor. `quality` says in words how good
    the answers have to stay; `benchmarks` measure the capability besides the items.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    role: Literal["target", "adjacent"] = "adjacent"
    why: str
    share: Annotated[float, Field(gt=0.0, le=1.0)]
    at_5_percent_loss: str
    at_15_percent_loss: str
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)]
    critical: bool = False
    chance: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    items: str
    exemplars: Annotated[tuple[str, ...], Field(min_length=1)]
    judge: JudgeSettings
    max_tokens: int = Field(default=64, gt=0)
    quality: str = ""
    benchmarks: tuple[BenchmarkSettings, ...] = ()


class Brief(Settings):
    """The whole brief. Shares add up to 1; exactly one capability is the target.

    Beside the brief lie `training` (JSONL dialogues), `lm_eval_tasks` (a folder of local lm-eval task files) and
    `judge_suite` (JSONL of answers known to be good or bad, which the judge must still tell apart).
    `mt_bench_questions` is MT-Bench's question file.
    """

    name: str
    version: str
    owner: str
    summary: str
    capabilities: tuple[Capability, ...]
    training: str
    system_prompt: str | None = None
    lm_eval_tasks: str | None = None
    mt_bench_questions: str | None = None
    judge_suite: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Brief:
        names = [c.name for c in self.capabilities]
        if len(set(names)) != len(names):
            twice = sorted({n for n in names if names.count(n) > 1})
            raise ValueError(f"capabilities named twice: {', '.join(twice)}")
        targets = [c.name for c in self.capabilities if c.role == "target"]
        if len(targets) != 1:
            raise ValueError(
                f"exactly one capability must have role 'target', found {len(targets)}: {targets}"
            )
        total = sum(c.share for c in self.capabilities)
        if abs(total - 1.0) > 0.005:
            each = ", ".join(f"{c.name} {c.share:g}" for c in self.capabilities)
            raise ValueError(f"shares of traffic must add up to 1, they add up to {total:.3f}: {each}")
        return self

    @property
    def target(self) -> Capability:
        """The capability that fine-tuning is for."""
        return next(c for c in self.capabilities if c.role == "target")

    def capability(self, name: str) -> Capability:
        """The capability called `name`; BriefError where the brief has none."""
        for found in self.capabilities:
            if found.name == name:
                return found
        known = [c.name for c in self.capabilities]
        raise BriefError(f"the brief names no capability {name!r}; it has {', '.join(known)}")


class LoadedBrief(Settings):
    """A brief, where it lies, the hash of everything it names, and its items by capability name."""

    brief: Brief
    folder: Path
    sha256: str
    items: dict[str, tuple[Item, ...]]

    @property
    def training_file(self) -> Path:
        """The JSONL file of training dialogues."""
        return self.folder / self.brief.training

    def items_of(self, capability: str, split: Split) -> tuple[Item, ...]:
        """The items of one capability and split; BriefError where the brief has no such capability."""
        return tuple(i for i in self.items[self.brief.capability(capability).name] if i.split == split)


def load_brief(path: Path) -> LoadedBrief:
    """Read and check a brief with all files it names. Raises BriefError that says what is wrong and where."""
    if not path.is_file():
        raise BriefError(f"no capability brief at {path}", hint="Give the path of a brief.yaml.")
    raw = path.read_bytes()
    try:
        data = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise BriefError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise BriefError(f"{path}: expected a mapping at the top, found {type(data).__name__}")
    digest = hashlib.sha256(raw)
    _read_exemplars(data, path.parent, digest)
    try:
        brief = Brief.model_validate(data)
    except ValidationError as error:
        raise BriefError(f"{path}:\n{_explain(error, data)}") from error
    items: dict[str, tuple[Item, ...]] = {}
    for capability in brief.capabilities:
        file = path.parent / capability.items
        items[capability.name] = load_items(file, capability.name)
        digest.update(file.read_bytes())
    if not (path.parent / brief.training).is_file():
        raise BriefError(f"{path}: 'training' names {brief.training}, which does not exist in {path.parent}")
    check_items(items, {c.name: c.exemplars for c in brief.capabilities})
    return LoadedBrief(brief=brief, folder=path.parent, sha256=digest.hexdigest(), items=items)


def _read_exemplars(data: dict[str, Any], folder: Path, digest: _Hash) -> None:
    """Put the prompts in place of each file name that `exemplars` gives; the files join the brief's hash."""
    capabilities = data.get("capabilities")
    for number, capability in enumerate(capabilities if isinstance(capabilities, list) else []):
        if not isinstance(capability, dict) or not isinstance(capability.get("exemplars"), str):
            continue
        file = folder / capability["exemplars"]
        if not file.is_file():
            who = capability.get("name", f"number {number + 1}")
            raise BriefError(
                f"capability {who!r}: its exemplars file {file} does not exist",
                hint="Name a text file with one prompt a line, or give the prompts themselves as a list.",
            )
        raw = file.read_bytes()
        digest.update(raw)
        capability["exemplars"] = [line.strip() for line in raw.decode("utf-8").splitlines() if line.strip()]


def _explain(error: ValidationError, data: dict[str, Any]) -> str:
    return "\n".join(_explain_one(dict(detail), data) for detail in error.errors())


def _explain_one(detail: dict[str, Any], data: dict[str, Any]) -> str:
    loc = detail["loc"]
    where = ".".join(str(part) for part in loc) or "(the brief)"
    if len(loc) > 1 and loc[0] == "capabilities" and isinstance(loc[1], int):
        where = ".".join([_name_of(data, loc[1]), *(str(part) for part in loc[2:])])
    if detail["type"] == "extra_forbidden":
        known = JudgeSettings if "judge" in loc else Capability if len(loc) > 1 else Brief
        return f"  {where}: unknown key{_near(str(loc[-1]), known.model_fields)}"
    if detail["type"] == "missing":
        return f"  {where}: required, but it is not there"
    found = detail.get("input")
    shown = f", found {found!r}" if isinstance(found, str | int | float | bool) else ""
    return f"  {where}: {str(detail['msg']).removeprefix('Value error, ')}{shown}"


def _name_of(data: dict[str, Any], index: int) -> str:
    entry = data["capabilities"][index]
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"capability {name!r}" if name else f"capabilities[{index}]"


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
