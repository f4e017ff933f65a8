"""What it means when an lm-eval task does not load: which task, for want of what, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from evaluator.audit.benchmarks.needs import loading, named, wanting
from telemetry.errors import BriefError

_LOCAL: Final = frozenset({"json", "csv", "parquet", "text", "arrow"})
"""Data set builders that read files."""


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Say which task failed to load, for want of what, and what to do."""
    try:
        with wanting(name):
            yield
    except AssertionError as error:  # with which tasks refuse a package's version
        raise BriefError(f"benchmark {named(loading(error), name)} cannot be used here: {error}") from error
    except (OSError, ValueError, KeyError) as error:
        task = loading(error)
        data = getattr(task, "DATASET_PATH", None)
        which = named(task, name)
        if data is None or data in _LOCAL or Path(data).exists():
            raise BriefError(f"benchmark {which}: its data cannot be read: {error}") from error
        raise BriefError(
            f"benchmark {which} needs the data set {data!r}, which is not on this machine: {error}",
            hint="Allow access to the hub (HF_HUB_OFFLINE=0), or write a task file that reads a local file "
            "(`dataset_path: json` with `dataset_kwargs: {data_files: ...}`) in the brief's `lm_eval_tasks`.",
        ) from error
