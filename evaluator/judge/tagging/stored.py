"""A fitted tagger as one file of numbers: arrays and a JSON text, no code; checked whole when it is read."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from evaluator.judge.embedding import Embedder
from evaluator.judge.tagging.meaning_tagger import Bounds, MeaningTagger
from evaluator.judge.tagging.space import Space
from evaluator.judge.tagging.stage import Certainty, Head, Known, Stage
from telemetry.errors import UsageError
from telemetry.files import write_renamed

FORMAT: Final = "belay-tagger-1"
_ABOUT: Final = "about"
_STAGES: Final = ("cheap", "full")


def stored_name(version: str) -> str:
    """The file name of a tagger with this version."""
    return f"{version.replace('@', '-')}.npz"


def store(folder: Path, tagger: MeaningTagger) -> Path:
    """Write the tagger under its version into the folder; the file."""
    arrays: dict[str, Any] = {"space.weights": tagger.space.weights, "space.centre": tagger.space.centre}
    for name in _STAGES:
        stage: Stage = getattr(tagger, name)
        arrays |= {
            f"{name}.rows": stage.known.rows,
            f"{name}.labels": stage.known.labels,
            f"{name}.head.weight": stage.known.head.weight,
            f"{name}.head.bias": stage.known.head.bias,
            f"{name}.usual": stage.known.usual,
            f"{name}.own_spread": stage.known.spread,
            f"{name}.own": stage.known.own,
            f"{name}.centre": stage.certainty.centre,
            f"{name}.spread": stage.certainty.spread,
            f"{name}.weight": stage.certainty.weight,
            f"{name}.bias": np.array(stage.certainty.bias),
        }
    about = {
        "format": FORMAT,
        "version": tagger.version,
        "capabilities": list(tagger.names),
        "embedder": tagger.space.embedder.version,
        "bounds": asdict(tagger.bounds),
        "content": _digest(arrays),
    }
    arrays[_ABOUT] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    held = io.BytesIO()
    np.savez(held, **arrays)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / stored_name(tagger.version)
    write_renamed(path, held.getvalue())
    return path


def load(path: Path, embedder: Embedder | None = None) -> MeaningTagger:
    """The tagger in the file. UsageError where it is none, is damaged, or was fitted with other embeddings."""
    embedder = embedder or Embedder()
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays: dict[str, Any] = {name: file[name] for name in file.files}
        about = json.loads(arrays.pop(_ABOUT).tobytes())
        _require_whole(about, arrays)
        names, bounds, made_with = about["capabilities"], Bounds(**about["bounds"]), about["embedder"]
        stages = [_stage(arrays, name, len(names)) for name in _STAGES]
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{path} holds no tagger: {error}", hint="`belay tagger train` writes one."
        ) from error
    if made_with != embedder.version:
        raise UsageError(
            f"{path} was fitted with the embeddings {made_with}, here are {embedder.version}",
            hint="Fit it anew by `belay tagger train`.",
        )
    space = Space(embedder, arrays["space.weights"], arrays["space.centre"])
    return MeaningTagger(names, space, stages[0], stages[1], bounds, about["version"])


def _require_whole(about: dict[str, Any], arrays: dict[str, Any]) -> None:
    if about["format"] != FORMAT or about["content"] != _digest(arrays):
        raise ValueError("its content is not what was written")


def _stage(arrays: dict[str, Any], name: str, capabilities: int) -> Stage:
    head = Head(arrays[f"{name}.head.weight"], arrays[f"{name}.head.bias"])
    own = arrays[f"{name}.usual"], arrays[f"{name}.own_spread"], arrays[f"{name}.own"]
    known = Known(arrays[f"{name}.rows"], arrays[f"{name}.labels"], capabilities, head, *own)
    certainty = Certainty(
        arrays[f"{name}.centre"],
        arrays[f"{name}.spread"],
        arrays[f"{name}.weight"],
        float(arrays[f"{name}.bias"]),
    )
    return Stage(known, certainty)


def _digest(arrays: dict[str, Any]) -> str:
    said = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        said.update(f"{name} {array.dtype} {array.shape}\n".encode())
        said.update(array.tobytes())
    return said.hexdigest()
