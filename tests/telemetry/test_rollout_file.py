import os
from datetime import timedelta
from pathlib import Path

import pytest

from telemetry.errors import InfrastructureError, UnreadableRecord
from telemetry.rollout_file import (
    RolloutFileTaken,
    file_of,
    files_beside,
    read_rollout,
    write_rollout,
    writer_of,
)
from tests.telemetry.samples import TIME, rollout


def test_what_is_written_is_read_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "rollout.json"
    assert read_rollout(path) is None
    changed = rollout()
    assert write_rollout(path, changed)
    assert read_rollout(path) == changed
    assert [entry.name for entry in path.parent.iterdir()] == ["rollout.json"]


def test_an_older_or_equal_revision_never_replaces_a_newer_one(tmp_path: Path) -> None:
    path = tmp_path / "rollout.json"
    newer = rollout(revision=3)
    write_rollout(path, newer)
    for revision in (1, 2, 3):
        assert not write_rollout(path, rollout(revision=revision, since=TIME + timedelta(days=1)))
    assert read_rollout(path) == newer
    assert write_rollout(path, rollout(revision=4, since=TIME - timedelta(days=1)))


def test_another_rollout_replaces_it_unless_that_is_of_the_past(tmp_path: Path) -> None:
    path = tmp_path / "rollout.json"
    write_rollout(path, rollout("r2", revision=5))
    assert not write_rollout(path, rollout("r1", revision=9, since=TIME - timedelta(seconds=1)))
    assert write_rollout(path, rollout("r3", revision=1, since=TIME + timedelta(seconds=1)))


def test_a_file_that_cannot_be_read_is_an_error_and_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "rollout.json"
    path.write_text('{"spec": 1}')
    with pytest.raises(UnreadableRecord, match=r"rollout\.json holds no rollout state"):
        read_rollout(path)
    assert write_rollout(path, rollout())
    assert read_rollout(path) is not None


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError, match=r"file/rollout\.json"):
        write_rollout(tmp_path / "file" / "rollout.json", rollout())


def test_the_second_writer_of_a_file_is_told_who_the_first_is_and_may_write_when_that_has_ended(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run" / "rollout.json"
    told = rf"rollout\.json is written by the control at here:1 \(process {os.getpid()}\), and one process"
    with (
        writer_of(path, "the control at here:1"),
        pytest.raises(RolloutFileTaken, match=told),
        writer_of(path, "a forwarder"),
    ):
        pytest.fail("two writers of one file")
    with writer_of(path, "a forwarder"):
        pass
    assert read_rollout(path) is None


def test_a_lock_that_cannot_be_had_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InfrastructureError, match=r"cannot take the lock .*file/rollout\.json\.lock: "),
        writer_of(tmp_path / "file" / "rollout.json", "a forwarder"),
    ):
        pytest.fail("a lock where no file can be")


# --- a file a route ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rollout.json", "rollout", "a.b.json"])
def test_the_files_of_all_routes_are_found_by_their_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    routes = ["acme/support", "default", "sql", "v1.2"]
    for route in routes:
        with writer_of(file_of(path, route), "somebody"):
            file_of(path, route).write_text("{}")
    for other in ("rollout-2.json", f".{name}.17.new", "tokens.yaml"):
        (tmp_path / other).write_text("{}")
    assert files_beside(path) == {route: file_of(path, route) for route in routes}


def test_without_files_or_a_folder_no_route_has_one(tmp_path: Path) -> None:
    assert files_beside(tmp_path / "rollout.json") == {}
    assert files_beside(tmp_path / "nowhere" / "rollout.json") == {}
