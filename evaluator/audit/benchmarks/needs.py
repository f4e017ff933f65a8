"""What a task of lm-eval needs besides: packages, and data of NLTK. What is missing is named, never downloaded."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from telemetry.errors import BriefError

_RESOURCE: Final = re.compile(r"Resource\W+(?:\x1b\[\d+m)?([\w.-]+)")
"""How NLTK says which data it did not find."""


class NltkDataMissing(LookupError):
    """A task asked NLTK to download data while nothing may reach the internet; `args[0]` is their name."""


@contextmanager
def wanting(name: str) -> Iterator[None]:
    """Say which package or data of NLTK a task lacks while it is loaded or scores, and what to do."""
    try:
        yield
    except ImportError as error:
        package = _package(error)
        lacks = (
            f"needs the package {package!r}, which is not installed"
            if package
            else f"lacks a package: {error}"
        )
        raise BriefError(
            f"benchmark {named(loading(error), name)} {lacks}",
            hint="lm-eval's extras bring what single tasks need, e.g. lm_eval[ifeval] or lm_eval[math].",
        ) from error
    except LookupError as error:
        data = _nltk_data(error)
        if data is None:
            raise
        raise BriefError(
            f"benchmark {named(loading(error), name)} needs NLTK's data {data!r}, which is not on this machine",
            hint=f"Where the internet can be reached: `python -m nltk.downloader -d FOLDER {data}`; copy FOLDER here "
            "and name it in the environment as NLTK_DATA. Or allow the download: HF_HUB_OFFLINE=0.",
        ) from error


def loading(error: BaseException) -> Any:
    """The task whose loading raised `error`, None where it is none's: lm-eval's messages never name the task."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        task = frame.f_locals.get("self")
        if hasattr(task, "DATASET_PATH") and hasattr(task, "config"):
            return task
    return None


def named(task: Any, otherwise: str) -> str:
    """The task's name for a message; `otherwise` where there is no task."""
    return repr(otherwise if task is None else task.config.task)


def keep_nltk_offline() -> None:
    """From now on NLTK finds data on this machine or raises NltkDataMissing, whoever asks it to download some.

    Tasks ask while they are imported, go on without what they did not get, and fail at some item or other; others ask
    when they score, from several threads. So it is called before lm-eval loads any task, and stays.
    """
    try:
        package, downloader = import_module("nltk"), import_module("nltk.downloader")
    except ModuleNotFoundError as error:
        if error.name != "nltk":
            raise
        return  # what is not installed downloads nothing
    for module in (package, downloader):
        module.download = _local_only  # type: ignore[attr-defined] # a module's own


def _local_only(info_or_id: str | None = None, *_: Any, **__: Any) -> bool:
    """Stands in for `nltk.download`: True where the data are here."""
    kinds = [kind for folder in import_module("nltk.data").path for kind in Path(folder).glob("*/")]
    if not any((kind / str(info_or_id)).exists() or (kind / f"{info_or_id}.zip").exists() for kind in kinds):
        raise NltkDataMissing(str(info_or_id))
    return True


def _package(error: ImportError) -> str | None:
    """The package that was not found; lm-eval and its tasks raise errors of their own over Python's, which names it."""
    found: BaseException | None = error
    while isinstance(found, ImportError):
        if found.name is not None:
            return found.name
        found = found.__cause__ or found.__context__
    return None


def _nltk_data(error: LookupError) -> str | None:
    if isinstance(error, NltkDataMissing):
        return str(error.args[0])
    said = _RESOURCE.search(str(error)) if "NLTK Downloader" in str(error) else None
    return said.group(1) if said else None
