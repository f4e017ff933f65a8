"""The capability brief as it lies on disk: read with every file it names, checked, and bound by one hash."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from evaluator.briefs.agreement import leaks, settled
from evaluator.briefs.files import BriefFiles, exemplars_in, with_borrowed
from evaluator.briefs.items import Item, Split
from evaluator.briefs.judges import NO_JUDGES, Judges, with_addresses
from evaluator.briefs.problems import refusal, schema_problems
from evaluator.briefs.schema import (
    AskBase,
    BenchmarkSettings,
    Brief,
    Capability,
    JudgeEndpoint,
    JudgeSettings,
    Settings,
)
from evaluator.briefs.yaml_text import YamlError, YamlText, read_yaml
from telemetry.errors import BriefError

__all__ = [
    "AskBase",
    "BenchmarkSettings",
    "Brief",
    "Capability",
    "Item",
    "JudgeEndpoint",
    "JudgeSettings",
    "LoadedBrief",
    "Settings",
    "load_brief",
]


class LoadedBrief(Settings):
    """A brief, where it lies, its items by capability name, and its hash.

    The hash covers the brief and every file that scores depend on: exemplars, items, benchmark tasks and
    questions, judge suite. Training data have a hash of their own in the manifest of what was trained on them.
    `warnings` say what was left out and where it stands; `borrowed` is how many items each capability without
    exemplars gave for them.
    """

    brief: Brief
    folder: Path
    sha256: str
    items: dict[str, tuple[Item, ...]]
    warnings: tuple[str, ...] = ()
    borrowed: dict[str, int] = Field(default_factory=dict)

    @property
    def training_file(self) -> Path:
        """The JSONL file of training dialogues."""
        return self.folder / self.brief.training

    def items_of(self, capability: str, split: Split) -> tuple[Item, ...]:
        """The items of one capability and split; BriefError where the brief has no such capability."""
        return tuple(i for i in self.items[self.brief.capability(capability).name] if i.split == split)


def load_brief(path: Path, judges: Judges = NO_JUDGES) -> LoadedBrief:
    """Read and check a brief with all files it names. Raises BriefError that tells everything that is wrong.

    `judges` are the addresses of those that the brief knows by name.
    """
    source = _read(path)
    files = BriefFiles(path)
    files.add(source.text.encode())
    data, nameless = with_addresses(files.with_exemplars(source.data), judges)
    of_schema = len(files.problems)
    found = settled(files.items(data))
    data, items, gave = with_borrowed(data, found.items)
    brief: Brief | None = None
    try:
        brief = Brief.model_validate(data)
    except ValidationError as error:
        files.problems[of_schema:of_schema] = schema_problems(error, source)
    files.problems += nameless + found.problems
    files.beside(data)
    files.problems += leaks(items, exemplars_in(data))
    if files.problems or brief is None:
        raise refusal(path, files.problems)
    return LoadedBrief(
        brief=brief,
        folder=path.parent,
        sha256=files.digest.hexdigest(),
        items=items,
        warnings=tuple(found.warnings),
        borrowed=gave,
    )


def _read(path: Path) -> YamlText:
    if not path.is_file():
        raise BriefError(f"no capability brief at {path}", hint="Give the path of a brief.yaml.")
    try:
        source = read_yaml(path.read_bytes().decode("utf-8"))
    except (YamlError, UnicodeDecodeError) as error:
        raise BriefError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(source.data, dict):
        raise BriefError(f"{path}: expected a mapping at the top, found {type(source.data).__name__}")
    return source
