"""Settings as they are told: what said each of them, and no secret of whatever kind and length."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from router.control.settings import ControlSettings
from router.proxy.settings import RouterSettings
from telemetry.errors import SettingsError
from telemetry.forwarding.forwarder import ForwardSettings
from telemetry.settings_shown import HIDDEN, Shown, shown_content, shown_file

SASL = "bus: {security_protocol: SASL_SSL, sasl_mechanism: PLAIN, sasl_username: me, sasl_password: %s}\n"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.upper().startswith("BELAY_")]:
        monkeypatch.delenv(name)


def shown(folder: Path, text: str = "", kind: type[Any] = ForwardSettings) -> dict[str, Shown]:
    file = folder / "settings.yaml"
    file.write_text(("spool_folder: spool\n" if kind is ForwardSettings else "") + text, encoding="utf-8")
    return {one.key: one for one in shown_file(file, kind)}


def test_each_value_is_told_with_what_said_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "bus__client_id").write_text("hunter2")
    (secrets / "bus__namespace").write_text("under")
    monkeypatch.setenv("BELAY_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("BELAY_BATCH_RECORDS", "7")
    monkeypatch.setenv("BELAY_BUS", '{"namespace": "over"}')
    found = shown(tmp_path, "source: mine\nbatch_records: 3\n")
    told = {key: (one.value, one.source, one.where) for key, one in found.items()}
    assert told["batch_bytes"] == (4 << 20, "default", "")
    assert told["source"] == ("mine", "file", str(tmp_path / "settings.yaml"))
    assert told["batch_records"] == (7, "environment", "BELAY_BATCH_RECORDS")
    assert told["bus.namespace"] == ("over", "environment", "BELAY_BUS")
    assert told["bus.client_id"] == (HIDDEN, "secret", str(secrets / "bus__client_id"))
    assert told["bus.topics.keep_days"][1] == "default"


@pytest.mark.parametrize("password", ["x", "hunter2", "q" * 500, "'12345'"])
def test_a_password_is_hidden_whatever_its_length(password: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    assert shown(tmp_path, SASL % password)["bus.sasl_password"] == Shown(
        "bus.sasl_password", HIDDEN, "file", str(file), as_default=False
    )


def test_what_opens_a_door_within_an_address_or_in_a_wrong_place_is_hidden(tmp_path: Path) -> None:
    control = shown(
        tmp_path,
        "rollout_file: r.json\nfolder: f\nnotify: {webhooks: [{url: 'https://h/T00/B00/hunter2', secret_env: W}]}\n"
        "access: {tokens: tokens.yaml}\n",
        ControlSettings,
    )
    (webhook,) = control["notify.webhooks"].value
    assert webhook == {"url": f"https://h/{HIDDEN}", "secret_env": "W"}
    assert control["access.tokens"].value == "tokens.yaml"
    arm = "{arm: %s, url: 'http://ann:hunter2@h:1/v1?key=hunter2', key_env: sk-hunter2}"
    router = shown(
        tmp_path,
        f"spool_folder: s\nrollout_file: r.json\ncontrol: {arm % 'control'}\ncandidate: {arm % 'candidate'}\n"
        "default_salt: hunter2\n",
        RouterSettings,
    )
    assert router["control.url"].value == f"http://{HIDDEN}@h:1/v1?{HIDDEN}"
    assert router["control.key_env"].value == router["default_salt"].value == HIDDEN
    assert "hunter2" not in f"{router}{control}"


def test_what_only_repeats_a_default_is_told_as_one() -> None:
    content = {"spool_folder": "s", "text_policy": "redacted", "source": "mine"}
    found = {one.key: one.source for one in shown_content(content, ForwardSettings, "belay.yaml")}
    assert (found["text_policy"], found["source"], found["spool_folder"]) == ("default", "file", "file")


def test_wrong_settings_are_refused_as_the_process_refuses_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean 'source'"):
        shown(tmp_path, "sourc: mine\n")


def test_yaml_that_cannot_be_read_is_told_by_its_place_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="line 4, column 1") as caught:
        shown(tmp_path, "bus:\n  sasl_password: [hunter2\n")
    assert "hunter2" not in str(caught.value)
