"""What each model answers to the same prompts, from a real engine; kept, since the models do not change.

`Subject` names one: a folder, how far on the way from base to a fine-tune, the temperature of the answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from _shape import say

from serving.engines.openai_client import Completion, complete_many
from serving.engines.vllm_engine import EngineSettings, VllmEngine
from serving.models.manifest import write_manifest
from serving.server import free_port
from telemetry.events import Message
from telemetry.files import write_renamed

AT_ONCE = 24


@dataclass(frozen=True, slots=True)
class Subject:
    """A model whose answers are judged: at `weight` between base (0) and the fine-tune in `tuned` (1)."""

    name: str
    weight: float = 0.0
    tuned: Path | None = None
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt: the turns of its conversation, and how long the answer may get."""

    capability: str
    turns: tuple[Message, ...]
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What came."""

    text: str
    finish_reason: str | None


def kept(subject: str, asked: Sequence[Asked], cache: Path) -> bool:
    """Whether everything was answered before."""
    known = _read(cache / f"{subject}.jsonl")
    return all(_key(one) in known for one in asked)


def collect(base: Path, subject: Subject, asked: Sequence[Asked], cache: Path, cores: str) -> list[Answered]:
    """The subject's answers in the order of `asked`; what was answered before is not asked again."""
    known = _read(cache / f"{subject.name}.jsonl")
    missing = [one for one in asked if _key(one) not in known]
    if missing:
        known |= _ask(base, subject, missing, cache, cores)
    return [known[_key(one)] for one in asked]


def _ask(
    base: Path, subject: Subject, asked: Sequence[Asked], cache: Path, cores: str
) -> dict[str, Answered]:
    cache.mkdir(parents=True, exist_ok=True)
    settings = EngineSettings(
        folder=folder_of(base, subject, cache),
        served_name=subject.name,
        port=free_port(),
        log_file=cache / f"{subject.name}.log",
        threads_bind=cores,
    )
    found: dict[str, Answered] = {}
    with VllmEngine(settings) as engine:
        engine.wait_healthy()
        for tokens in sorted({one.max_tokens for one in asked}):
            group = [one for one in asked if one.max_tokens == tokens]
            said = complete_many(
                engine.url,
                subject.name,
                [one.turns for one in group],
                tokens,
                concurrency=AT_ONCE,
                temperature=subject.temperature,
                timeout_s=600.0,
            )
            found |= {_key(one): _answered(completion) for one, completion in zip(group, said, strict=True)}
            say(f"{subject.name}: {len(found)} of {len(asked)} answers")
    lines = {**_read(cache / f"{subject.name}.jsonl"), **found}
    text = "".join(
        json.dumps([key, one.text, one.finish_reason], ensure_ascii=False) + "\n"
        for key, one in lines.items()
    )
    write_renamed(cache / f"{subject.name}.jsonl", text.encode())
    return found


def _answered(completion: Completion) -> Answered:
    if completion.error is not None:
        raise RuntimeError(f"a model did not answer: {completion.error}")
    return Answered(completion.text, completion.finish_reason)


def folder_of(base: Path, subject: Subject, cache: Path) -> Path:
    """The folder of a subject's model, made where it is not there."""
    if subject.tuned is None:
        return base
    from trainer.merging.writing import interpolate  # noqa: PLC0415 - takes torch along, which engines need not

    folder = cache / "models" / subject.name
    if not (folder / "manifest.json").is_file():
        interpolate(base, subject.tuned, folder, weights=(subject.weight,))
        write_manifest(folder, kind="base", name=subject.name)
    return folder


def _read(file: Path) -> dict[str, Answered]:
    if not file.is_file():
        return {}
    rows = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    return {key: Answered(text, reason) for key, text, reason in rows}


def _key(asked: Asked) -> str:
    said = json.dumps([[m.model_dump() for m in asked.turns], asked.max_tokens])
    return hashlib.sha256(said.encode()).hexdigest()[:24]
