"""The router follows the rollout file: at once, and never into a broken one."""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import time
from pathlib import Path

import pytest

from router.proxy.in_force import RolloutWatch, in_force
from telemetry.rollout_file import write_rollout
from tests.router.values import promoted, rolled_back, started


def watch(path: Path) -> RolloutWatch:
    return RolloutWatch(path, default_salt="here", clock_ns=itertools.count(1).__next__)


def test_without_a_file_everybody_is_on_base(tmp_path: Path) -> None:
    current = watch(tmp_path / "rollout.json").current
    assert (current.rollout_id, current.share, current.shadow, current.salt) == ("none", 0.0, 0.0, "here")


def test_each_revision_is_taken_on_with_its_time(tmp_path: Path) -> None:
    file = tmp_path / "rollout.json"
    seen = watch(file)
    before = seen.current.applied_at_ns
    state = started(shares=(0.05, 0.25), shadow=0.1)
    write_rollout(file, state)
    seen.look()
    assert (seen.current.revision, seen.current.share, seen.current.shadow) == (1, 0.05, 0.1)
    write_rollout(file, promoted(state))
    seen.look()
    assert (seen.current.revision, seen.current.stage, seen.current.share) == (2, 1, 0.25)
    assert seen.current.applied_at_ns > before


def test_in_shadow_and_while_paused_shadows_are_drawn_and_shares_stay() -> None:
    state = started(shares=(0.0, 0.25), shadow=0.1)
    for status in ("shadow", "paused"):
        found = in_force(state.model_copy(update={"status": status}), "here", 1)
        assert (found.share, found.shadow) == (0.0, 0.1)
    paused = promoted(state).model_copy(update={"status": "paused"})
    assert in_force(paused, "here", 1).share == 0.25


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "rollout.json"
    write_rollout(file, started())
    seen = watch(file)
    applied = seen.current.applied_at_ns
    seen.look()
    assert seen.current.applied_at_ns == applied


def test_an_unreadable_file_changes_nothing_and_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "rollout.json"
    state = started()
    write_rollout(file, state)
    seen = watch(file)
    good = seen.current
    file.write_text('{"half": ', encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        seen.look()
    assert seen.current is good
    assert seen.unreadable == 1
    assert "stays at revision 1" in caplog.text
    file.unlink()
    write_rollout(file, rolled_back(state))
    seen.look()
    assert seen.current.status == "rolled_back"


def test_a_file_that_is_gone_means_base(tmp_path: Path) -> None:
    file = tmp_path / "rollout.json"
    write_rollout(file, started())
    seen = watch(file)
    file.unlink()
    seen.look()
    assert (seen.current.rollout_id, seen.current.share) == ("none", 0.0)


def test_after_a_rollback_nothing_goes_to_the_candidate_and_nothing_is_shadowed() -> None:
    current = in_force(rolled_back(started(shadow=0.5)), "here", 1)
    assert (current.share, current.shadow, current.rollout_id) == (0.0, 0.0, "r1")


def test_a_promoted_rollout_keeps_its_holdback() -> None:
    assert in_force(promoted(started(shares=(0.5,), holdback=0.02)), "here", 1).share == 0.98


def test_a_rollback_that_could_not_be_read_at_once_is_read_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, state = tmp_path / "rollout.json", started()
    write_rollout(file, state)
    seen = watch(file)
    write_rollout(file, rolled_back(state))

    def no_descriptors(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", no_descriptors)
        seen.look()
    assert (seen.current.status, seen.unreadable) == ("ramping", 1)
    seen.look()
    assert seen.current.status == "rolled_back"


async def test_a_look_that_ends_in_a_mistake_does_not_end_the_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen = RolloutWatch(tmp_path / "rollout.json", default_salt="here")
    looked = asyncio.Event()
    looks = iter([ValueError("a mistake of ours")])

    def look() -> None:
        for mistake in looks:
            raise mistake
        looked.set()

    monkeypatch.setattr(seen, "look", look)
    following = asyncio.create_task(seen.follow())
    async with asyncio.timeout(5):
        await looked.wait()
    following.cancel()
    assert "ValueError: a mistake of ours" in caplog.text


async def test_a_change_is_in_force_well_within_100_ms(tmp_path: Path) -> None:
    file = tmp_path / "rollout.json"
    state = started()
    write_rollout(file, state)
    seen = RolloutWatch(file, default_salt="here")
    following = asyncio.create_task(seen.follow())
    try:
        await asyncio.sleep(0.03)
        written_ns = time.time_ns()
        write_rollout(file, rolled_back(state))
        async with asyncio.timeout(5):
            while seen.current.status != "rolled_back":  # noqa: ASYNC110 - what is waited for is a file
                await asyncio.sleep(0.005)
        assert (seen.current.applied_at_ns - written_ns) / 1e6 < 100
    finally:
        following.cancel()
