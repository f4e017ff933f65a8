"""No secret that a run was given stands in anything that it leaves."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import pytest
import yaml

from belay.home import RunFolder
from belay.launcher.processes import StackSettings, processes_of
from belay.launcher.settings_shown import of_file
from belay.logs import log_to_stderr
from belay.wiring import WatchSettings
from router.control.notify.notice import Notice, notice_of
from router.control.notify.senders import NotSent, channels_of
from router.control.notify.settings import NotifySettings
from router.control.settings import ControlSettings
from router.proxy.settings import RouterSettings
from serving.engines.arms import Endpoint
from telemetry import topics
from telemetry.bus.memory_bus import MemoryBus
from telemetry.bus.settings import BusSettings
from telemetry.errors import BelayError
from telemetry.forwarding.forwarder import ForwardSettings
from telemetry.settings import load_settings
from tests.belay.planted import online
from tests.belay.planted.hidden import Hidden, in_files, in_topics
from tests.conftest import a_free_port
from tests.router.proxy.fakes import FakeEngine
from tests.router.values import rolled_back, started

POLICIES = ("redacted", "hashed")
SPOOLED = ("a prompt", "the name of a model", "the id of a request")
"""What lies in the spool until Kafka has acknowledged it: what was asked."""
VARIABLES = ("CONTROL", "CANDIDATE", "JUDGE", "WEBHOOK", "SMTP")


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> Hidden:
    """Secrets, those of the environment in their places."""
    hidden = Hidden()
    for name in VARIABLES:
        monkeypatch.setenv(f"PLANTED_{name}", hidden.new(f"the variable {name}"))
    monkeypatch.setenv(
        "PLANTED_SLACK", f"http://127.0.0.1:{a_free_port()}/services/{hidden.new('a webhook of Slack')}"
    )
    monkeypatch.setenv("BELAY_BUS__SASL_PASSWORD", hidden.new("the variable of the broker's password"))
    return hidden


def fails_with(secret: str) -> None:
    """An exception in a frame that holds a secret."""
    held = {"a": secret, "length": len(secret)}
    raise RuntimeError(f"broken at {held['length']}")


def shown_settings(folder: Path, hidden: Hidden, left: online.Left) -> None:
    """What `belay config show` tells of a file with a password."""
    file = folder / "forwarder.yaml"
    sasl = {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "a"}
    password = hidden.new("settings that are shown")
    file.write_text(yaml.safe_dump({"spool_folder": "spool", "bus": sasl | {"sasl_password": password}}))
    left["settings shown"] = repr(of_file(file, "forwarder")).encode()
    assert b"sasl_password" in left["settings shown"]
    file.unlink()


def logs_as(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log everything, in this form."""
    monkeypatch.setenv("BELAY_LOG", form)
    monkeypatch.setenv("BELAY_LOG_LEVEL", "debug")
    log_to_stderr()


def dies(hidden: Hidden) -> None:
    """Say so, as a process does, of an exception that had a secret in sight."""
    try:
        fails_with(hidden.new("a local variable"))
    except RuntimeError:
        logging.getLogger("router.planted").exception("it broke")


def notices(hidden: Hidden, left: online.Left) -> None:
    """What is said of notices that reach nobody, whose addresses hold secrets."""
    port = a_free_port()
    address = f"http://127.0.0.1:{port}/{hidden.new('the path of a webhook')}"
    settings = NotifySettings.model_validate(
        {
            "webhooks": [{"url": address, "secret_env": "PLANTED_WEBHOOK"}],
            "slack": [{"url_env": "PLANTED_SLACK"}],
            "email": [
                {"host": "127.0.0.1", "port": port, "from": "a@b.c", "to": ["d@e.f"], "user": "u",
                 "password_env": "PLANTED_SMTP"}
            ],
        }
    )  # fmt: skip
    notice: Notice = notice_of(rolled_back(started()), None, None)
    for channel in channels_of(settings):
        with pytest.raises(NotSent) as error:
            channel.send(notice)
        left[f"notice by {channel.name}"] = f"{channel.name} {error.value!r} {error.value}".encode()


def wrong_settings(folder: Path, hidden: Hidden, left: online.Left) -> None:
    """What is said of settings that hold a secret and a mistake, of each process; and how right ones show."""
    folder.mkdir()
    for kind in (ForwardSettings, WatchSettings, ControlSettings, RouterSettings):
        for number, wrong in enumerate(
            ("sasl_mechanisms: PLAIN", "security_protocol: SASL", "x: [", "- : {")
        ):
            password = hidden.new(f"settings of {kind.__name__}")
            file = folder / f"{kind.__name__}-{number}.yaml"
            where = "kafka" if kind is ControlSettings else "bus"
            file.write_text(f"{where}:\n  sasl_username: ann\n  sasl_password: {password}\n  {wrong}\n")
            with pytest.raises(BelayError) as error:
                load_settings(file, kind)
            left[f"mistakes of {kind.__name__} {number}"] = f"{error.value!r} {error.value}".encode()
            file.unlink()
    broken = folder / "broken.yaml"
    broken.write_text(f'bus: {{sasl_password: "{hidden.new("a line that is no YAML")}\n')
    with pytest.raises(BelayError) as error:
        load_settings(broken, WatchSettings)
    left["a broken line"] = f"{error.value!r} {error.value}".encode()
    broken.unlink()
    shown_settings(folder, hidden, left)
    password = hidden.new("settings of a bus")
    bus = BusSettings.model_validate(
        {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "sasl_username": "a",
            "sasl_password": password,
        }
    )
    left["a bus' settings"] = f"{bus!r} {bus} {bus.model_dump_json()}".encode()


async def test_no_planted_secret_is_in_anything_that_a_run_leaves(
    hidden: Hidden,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    logging_as_before: None,  # noqa: ARG001 - ends with the test
) -> None:
    logs_as("json", monkeypatch)
    bus, left = MemoryBus(), online.Left()
    bus.ensure_topics()
    for policy in POLICIES:
        (tmp_path / policy).mkdir()
        await online.serve(tmp_path / policy, hidden, policy, left)
        left_raw = [
            told
            for name, content in in_files(tmp_path / policy / "spool")
            for told in hidden.found_in(name, content)
            if not told.startswith(SPOOLED)
        ]
        assert left_raw == []
    for policy in POLICIES:
        online.forward(tmp_path / policy, bus, policy, hidden, left)
    online.govern(tmp_path / "redacted", bus, hidden, left)
    online.judge(tmp_path, bus)
    async with FakeEngine(online.tells_what_it_got) as engine:
        await online.asked_of_a_judge(engine.url, left)
    notices(hidden, left)
    wrong_settings(tmp_path / "given", hidden, left)
    dies(hidden)
    logs_as("plain", monkeypatch)
    dies(hidden)
    said = capfd.readouterr()
    left |= online.left_in(tmp_path) | {
        "standard error": said.err.encode(),
        "standard output": said.out.encode(),
    }
    left |= dict(in_topics(bus))
    assert len(hidden.where) >= 200
    kept = Counter(topic for (topic, _), records in bus.logs.items() for _ in records)
    assert (kept[topics.INTERACTIONS], kept[topics.DEAD_LETTERS]) == (24, 2)
    assert kept[topics.AUDIT_LOG] > 0
    assert left["standard error"].count(b"it broke") == 2
    found = [told for name, content in left.items() for told in hidden.found_in(name, content)]
    assert found == [], f"secrets_found = {len(found)}"


def test_no_command_line_has_a_secret_and_settings_with_one_are_for_their_owner_alone(
    hidden: Hidden, tmp_path: Path
) -> None:
    arm = {"url": "http://127.0.0.1:1", "key_env": "PLANTED_CONTROL"}
    stack = StackSettings(
        brief=tmp_path / "brief.yaml",
        control=Endpoint.model_validate(arm | {"arm": "control"}),
        candidate=Endpoint.model_validate(arm | {"arm": "candidate"}),
        bootstrap="127.0.0.1:1",
        folder=RunFolder(tmp_path / "run"),
        kafka={"sasl_password": hidden.new("the broker's password")},
    )
    for process in processes_of(stack):
        arguments = process.written(stack.folder)
        assert hidden.found_in("the command line", " ".join(arguments).encode()) == []
        assert Path(arguments[-1]).stat().st_mode & 0o077 == 0
