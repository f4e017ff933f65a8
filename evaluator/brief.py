"""The capability brief: the file that names what users rely on, written and reviewed by people."""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from telemetry.errors import BriefError


class Settings(BaseModel):
    """A frozen setting that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JudgeSettings(Settings):
    """Which verifier scores the capability, and its options."""

    verifier: str
    options: dict[str, Any] = Field(default_factory=dict)


class Capability(Settings):
    """One category of tasks that users rely on.

    `share` is its fraction of production traffic. `threshold` is the largest drop tolerated, in score
    points on [0, 1]. `items` is a JSONL file of benchmark items beside the brief; `exemplars` are user
    prompts that teach the tagger. `chance` is what guessing scores: a base not above it is at the floor.
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


class Brief(Settings):
    """The whole brief. Shares add up to 1; exactly one capability is the target."""

    name: str
    version: str
    owner: str
    summary: str
    capabilities: tuple[Capability, ...]
    training: str
    system_prompt: str | None = None

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
            raise ValueError(f"shares of traffic must add up to 1, they add up to {total:.3f}")
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


class Item(Settings):
    """One benchmark item. `split` keeps what the tests ask apart from what the demo's traffic asks."""

    id: str
    prompt: str
    reference: Any = None
    split: Literal["audit", "traffic"] = "audit"


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
    try:
        brief = Brief.model_validate(data)
    except ValidationError as error:
        raise BriefError(f"{path}:\n{_explain(error)}") from error
    digest = hashlib.sha256(raw)
    items: dict[str, tuple[Item, ...]] = {}
    for capability in brief.capabilities:
        file = path.parent / capability.items
        items[capability.name] = _load_items(file, capability.name)
        digest.update(file.read_bytes())
    if not (path.parent / brief.training).is_file():
        raise BriefError(f"{path}: 'training' names {brief.training}, which does not exist in {path.parent}")
    return LoadedBrief(brief=brief, folder=path.parent, sha256=digest.hexdigest(), items=items)


def _load_items(file: Path, capability: str) -> tuple[Item, ...]:
    if not file.is_file():
        raise BriefError(f"capability {capability!r}: its items file {file} does not exist")
    items = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            items.append(Item.model_validate(json.loads(line)))
        except (json.JSONDecodeError, ValidationError) as error:
            raise BriefError(f"{file}, line {number}: not a valid item: {error}") from error
    if not items:
        raise BriefError(f"capability {capability!r}: its items file {file} has no items")
    return tuple(items)


def _explain(error: ValidationError) -> str:
    return "\n".join(_explain_one(dict(detail)) for detail in error.errors())


def _explain_one(detail: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "(the brief)"
    if detail["type"] != "extra_forbidden":
        return f"  {where}: {detail['msg']}"
    known = {*Capability.model_fields, *Brief.model_fields, *JudgeSettings.model_fields}
    near = difflib.get_close_matches(str(detail["loc"][-1]), sorted(known), n=1)
    suggestion = f"; did you mean {near[0]!r}?" if near else ""
    return f"  {where}: unknown key{suggestion}"
