"""The word table is followed, and no version of it missed."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from router.proxy.shadowing.table_watch import TableWatch
from telemetry.word_table import table_of, write_table


def no_descriptors(*_: Any, **__: Any) -> Any:
    raise OSError(errno.EMFILE, "Too many open files")


def test_a_table_that_could_not_be_read_is_read_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "words.json"
    watch = TableWatch(path)
    assert watch.why_none == f"no file at {path}"
    table = table_of(["", "sums"], 1, [0, 0], {"add": [5, 0]})
    write_table(path, table)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", no_descriptors)
        watch.look()
    assert (watch.current, watch.why_none) == (None, f"{path} cannot be used")
    watch.look()
    assert watch.current is not None
    assert watch.current.version == table.version
