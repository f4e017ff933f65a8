"""What a process says of itself: both forms, whoever speaks, and nothing that a message could forge or give away."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from belay.logs import FORM, FORMS, LEVEL, OURS, log_to_stderr
from belay.wiring import WatchSettings
from router.control.settings import ControlSettings
from router.proxy.settings import RouterSettings
from telemetry.errors import SettingsError, UsageError
from telemetry.forwarding.forwarder import ForwardSettings
from telemetry.log_fields import about, note
from tests.places import ROOT

LINE = re.compile(r"(\S+Z) ([A-Z]+) +(\S+): (.*)")
KEY = "sk-abcdefghijklmnop12345678"


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch, logging_as_before: None) -> None:  # noqa: ARG001 - ends with the test
    """No variable of whoever runs the tests counts, and the process's logging is as it was when one is over."""
    monkeypatch.delenv(FORM, raising=False)
    monkeypatch.delenv(LEVEL, raising=False)


class Said:
    """What was said since it was asked last."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def begin(self, form: str = "plain", level: str = "info") -> None:
        self._monkeypatch.setenv(FORM, form)
        self._monkeypatch.setenv(LEVEL, level)
        log_to_stderr()

    def text(self) -> str:
        return self._capsys.readouterr().err

    def lines(self) -> list[str]:
        return self.text().splitlines()

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    return Said(capsys, monkeypatch)


def fail(message: str = f"no good: {KEY}") -> None:
    password = "only-in-a-variable"
    raise ValueError(message + "!" * (len(password) > 0))


def test_a_plain_line_has_time_level_name_message_and_keys(said: Said) -> None:
    said.begin("plain")
    before = datetime.now(UTC)
    structlog.get_logger("router.x").warning("holding %d records", 3, reason="no broker", batch=7)
    (line,) = said.lines()
    found = LINE.fullmatch(line)
    assert found
    assert before <= datetime.fromisoformat(found[1]) <= datetime.now(UTC)
    assert found.groups()[1:] == (
        "WARNING",
        "router.x",
        "holding 3 records reason='no broker' batch=7",
    )


def test_a_json_line_has_the_same_and_an_exception_as_its_parts(said: Said) -> None:
    said.begin("json")
    try:
        fail()
    except ValueError:
        structlog.get_logger("router.x").exception("failed", batch=7)
        logging.getLogger("router.x").exception("failed")
    one, other = said.objects()
    assert datetime.fromisoformat(one["ts"]).tzinfo == UTC
    assert (one["level"], one["logger"], one["event"], one["batch"]) == ("error", "router.x", "failed", 7)
    assert list(one)[:4] == ["ts", "level", "logger", "event"]
    assert one["exception"] == other["exception"]
    (raised,) = one["exception"]
    assert raised["exc_type"] == "ValueError"
    assert raised["exc_value"] == "no good: [secret]!"
    assert [frame["name"] for frame in raised["frames"]][-1] == "fail"


def test_records_of_libraries_pass_with_what_they_add_and_replace_nothing(said: Said) -> None:
    said.begin("json")
    logging.getLogger("uvicorn.conn").info("connected to %s", "b:9092", extra={"node": 1, "event": "forged"})
    (one,) = said.objects()
    assert (one["logger"], one["event"], one["node"]) == ("uvicorn.conn", "connected to b:9092", 1)


def test_a_line_has_the_ids_of_what_it_is_about_and_of_nothing_that_is_over(said: Said) -> None:
    said.begin("json")
    log = logging.getLogger("router.x")
    with about(rollout_id="r1", decision_id=None):
        with about(decision_id="d1"):
            log.info("deep", extra={"rollout_id": "r2"})
        structlog.get_logger("router.x").info("outer", batch=7)
    log.info("after")
    deep, outer, after = said.objects()
    assert (deep["rollout_id"], deep["decision_id"]) == ("r2", "d1")
    assert (outer["rollout_id"], outer["batch"]) == ("r1", 7)
    assert "decision_id" not in outer
    assert "rollout_id" not in after


async def test_what_a_task_notes_is_in_its_own_lines_and_in_those_of_tasks_that_it_begins(said: Said) -> None:
    said.begin("json")
    log = logging.getLogger("router.x")

    async def shadow() -> None:
        log.info("said")

    async def answer(name: str) -> None:
        note({"request_id": name})
        await asyncio.sleep(0)
        await asyncio.create_task(shadow())

    await asyncio.gather(answer("a"), answer("b"))
    log.info("said")
    assert [one.get("request_id") for one in said.objects()] == ["a", "b", None]


def test_the_level_is_ours_and_below_info_no_librarys(said: Said) -> None:
    def shown(level: str) -> list[str]:
        said.begin(level=level)
        for name in ("router.x", "httpx", "kafka.conn"):
            for at in (logging.DEBUG, logging.INFO, logging.ERROR):
                logging.getLogger(name).log(at, "said")
        return [" ".join(line.split()[1:3]) for line in said.lines()]

    ours = ["DEBUG router.x:", "INFO router.x:", "ERROR router.x:"]
    theirs = ["INFO httpx:", "ERROR httpx:"]
    chatty = ["INFO kafka.conn:", "ERROR kafka.conn:"]
    assert shown("DEBUG") == ours + theirs + chatty
    assert shown("") == ours[1:] + theirs + chatty[1:]
    assert shown("error") == ["ERROR router.x:", "ERROR httpx:", "ERROR kafka.conn:"]


def test_ours_are_the_packages_of_the_project() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert list(OURS) == settings["tool"]["importlinter"]["root_packages"]


def test_text_beyond_ascii_comes_as_it_is(said: Said) -> None:
    said.begin("json")
    logging.getLogger("router").info("Grüße, 日本語, 🙂")
    assert [one["event"] for one in said.objects()] == ["Grüße, 日本語, 🙂"]


def test_half_a_pair_comes_as_it_is(said: Said) -> None:
    said.begin("json")
    # Handed to our handler alone: whoever else heard of it could not write it down.
    (ours,) = [handler for handler in logging.getLogger().handlers if handler.get_name() == "belay"]
    ours.handle(
        logging.makeLogRecord({"name": "router", "levelno": logging.INFO, "msg": "broken \udc80 half"})
    )
    assert [one["event"] for one in said.objects()] == ["broken \udc80 half"]


def test_text_beyond_ascii_is_readable(said: Said) -> None:
    said.begin("plain")
    logging.getLogger("router").info("Grüße, 日本語, 🙂")
    assert said.lines()[0].endswith("router: Grüße, 日本語, 🙂")


# Each of these begins a line for a terminal, `str.splitlines` or a log's reader; the last clears the screen.
ENDS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[2J"]


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_a_message_a_key_and_an_exception_forge_no_line(end: str, said: Said) -> None:
    said.begin("plain")
    forged = f"x{end}2026-01-01T00:00:00Z INFO     router: all is well"
    logging.getLogger("router").error("%s", forged, extra={forged: forged})
    try:
        fail(forged)
    except ValueError:
        logging.getLogger("router").exception("failed")
    lines = said.lines()
    assert [line.split()[1] for line in lines if not line.startswith("    ")] == ["ERROR", "ERROR"]
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_in_json_a_record_is_one_line_with_all_that_was_said(end: str, said: Said) -> None:
    said.begin("json")
    logging.getLogger("router").error("a%sb", end)
    (one,) = said.objects()
    assert one["event"] == f"a{end}b"


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_is_written(form: str, said: Said) -> None:
    said.begin(form)
    log = logging.getLogger("router")
    log.error("asked with %s and Authorization: Bearer abcdef1234567890", KEY)
    log.error("no answer from http://me:hunter2@host/v1", extra={"sasl_password": "hunter2", "tokens": 31})
    structlog.get_logger("router").error(
        "settings", given={"api-key": "hunter2", "deep": [{"token": "hunter2"}], "set": SecretStr("hunter2")}
    )
    try:
        fail()
    except ValueError:
        log.exception("failed")
    text = said.text()
    for secret in (KEY, "abcdef1234567890", "hunter2", "only-in-a-variable"):
        assert secret not in text
    assert text.count("[secret]") >= 6
    assert "31" in text


def test_values_that_json_does_not_know_are_told_in_words(said: Said) -> None:
    said.begin("json")
    structlog.get_logger("router").info(
        "odd", path=Path("x"), odd=float("nan"), keys={1: {"b"}}, error=ValueError("no")
    )
    (one,) = said.objects()
    assert (one["path"], one["odd"], one["keys"], one["error"]) == (
        "PosixPath('x')",
        "nan",
        {"1": ["b"]},
        "no",
    )


def test_it_may_be_called_again_and_says_everything_once(said: Said) -> None:
    said.begin("plain")
    log_to_stderr()
    logging.getLogger("router").info("once")
    assert len(said.lines()) == 1


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        (FORM, "jsn", "BELAY_LOG: expected plain or json, found 'jsn'; did you mean 'json'?"),
        (LEVEL, "loud", "BELAY_LOG_LEVEL: expected debug, info, warning, error or critical, found 'loud'"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    before = list(logging.getLogger().handlers)
    with pytest.raises(UsageError) as error:
        log_to_stderr()
    assert error.value.message == told
    assert isinstance(error.value, SettingsError)
    assert logging.getLogger().handlers == before


def test_no_process_has_a_setting_that_the_variables_would_set() -> None:
    names = {variable.removeprefix("BELAY_").lower() for variable in (FORM, LEVEL)}
    for kind in (RouterSettings, ControlSettings, ForwardSettings, WatchSettings):
        assert not names & kind.model_fields.keys()


UNCAUGHT = """
import threading, warnings
from belay.logs import log_to_stderr
log_to_stderr()
warnings.warn("careful")
thread = threading.Thread(target=lambda: 1 / 0, name="loop")
thread.start()
thread.join()
raise ValueError("Grüße")
"""


def test_what_nobody_caught_and_pythons_warnings_are_records_too_whatever_the_locale() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", UNCAUGHT],
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1", FORM: "json"},
        capture_output=True,
        check=False,
    )
    warned, died, ended_by = [json.loads(line) for line in ended.stderr.decode("ascii").splitlines()]
    assert ended.returncode == 1
    assert (warned["logger"], "careful" in warned["event"]) == ("py.warnings", True)
    assert "thread loop" in died["event"]
    assert died["exception"][0]["exc_type"] == "ZeroDivisionError"
    assert (ended_by["level"], ended_by["exception"][0]["exc_value"]) == ("critical", "Grüße")


def test_a_command_ends_with_the_status_of_usage() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "belay", "router", "--settings", "none.yaml"],
        env={"PYTHONPATH": str(ROOT), FORM: "yaml", "COLUMNS": "200"},
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 2
    assert "BELAY_LOG: expected plain or json, found 'yaml'" in ended.stderr
