"""What it means when an lm-eval task does not load: which task, for want of what, and what to do."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from telemetry.errors import BriefError

_LOCAL: Final = frozenset({"json", "csv", "parquet", "text", "arrow"})
"""Data set builders that read files."""


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Say which task failed to load, for want of what, and what to do."""
    try:
        yield
    except ImportError as error:
        raise BriefError(
            f"benchmark {_named(_loading(error), name)} needs the package {error.name!r}, which is not installed",
            hint="lm-eval's extras bring what single tasks need, e.g. lm_eval[ifeval] or lm_eval[math].",
        ) from error
    except (OSError, ValueError, KeyError) as error:
        task = _loading(error)
        data = getattr(task, "DATASET_PATH", None)
        which = _named(task, name)
        if data is None or data in _LOCAL or Path(data).exists():
            raise BriefError(f"benchmark {which}: its data cannot be read: {error}") from error
        raise BriefError(
            f"benchmark {which} needs the data set {data!r}, which is not on this machine: {error}",
            hint="Allow access to the hub (HF_HUB_OFFLINE=0), or write a task file that reads a local file "
            "(`dataset_path: json` with `dataset_kwargs: {data_files: ...}`) in the brief's `lm_eval_tasks`.",
        ) from error


def _loading(error: BaseException) -> Any:
    """The task whose loading raised `error`: lm-eval's messages name data sets, never the task."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        task = frame.f_locals.get("self")
        if hasattr(task, "DATASET_PATH") and hasattr(task, "config"):
            return task
    return None


def _named(task: Any, otherwise: str) -> str:
    return repr(otherwise if task is None else task.config.task)
