"""Environment and secrets over a settings file: who goes before whom, what an error names, what it never shows."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from telemetry.errors import SettingsError
from telemetry.events import RolloutSpec
from telemetry.forwarding.forwarder import ForwardSettings
from telemetry.settings import load_document, load_settings
from tests.router.values import spec

SASL = "bus: {security_protocol: SASL_SSL, sasl_mechanism: PLAIN, sasl_username: me}\n"
PASSWORD = "hunter2"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.upper().startswith("BELAY_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of secrets, empty."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv("BELAY_SECRETS_DIR", str(folder))
    return folder


def load(folder: Path, text: str = "") -> ForwardSettings:
    file = folder / "forward.yaml"
    file.write_text("spool_folder: spool\n" + text, encoding="utf-8")
    return load_settings(file, ForwardSettings)


def refused(folder: Path, text: str = "") -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(folder, text)
    return caught.value


@pytest.mark.parametrize(
    ("said", "wins"),
    [
        ("", "forwarder"),
        ("file", "file"),
        ("file secret", "secret"),
        ("file variable", "variable"),
        ("secret variable", "variable"),
        ("file secret variable", "variable"),
    ],
)
def test_the_environment_goes_before_secrets_these_before_the_file_and_that_before_defaults(
    tmp_path: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch, said: str, wins: str
) -> None:
    if "secret" in said:
        (secrets / "source").write_text("secret\n")
    if "variable" in said:
        monkeypatch.setenv("BELAY_SOURCE", "variable")
    assert load(tmp_path, "source: file\n" if "file" in said else "").source == wins


def test_a_nested_key_leaves_its_neighbours_as_the_file_has_them(
    tmp_path: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "bus__sasl_password").write_text(PASSWORD + "\n")
    monkeypatch.setenv("BELAY_BUS__SASL_MECHANISM", "SCRAM-SHA-512")
    bus = load(tmp_path, SASL).bus
    assert (bus.sasl_mechanism, bus.sasl_username) == ("SCRAM-SHA-512", "me")
    assert bus.sasl_password is not None
    assert bus.sasl_password.get_secret_value() == PASSWORD


def test_a_folder_as_kubernetes_mounts_it_is_read(tmp_path: Path, secrets: Path) -> None:
    (secrets / "..2026_01").mkdir()
    (secrets / "..2026_01" / "source").write_text("mounted")
    (secrets / "..data").symlink_to("..2026_01")
    (secrets / "source").symlink_to("..data/source")
    assert load(tmp_path).source == "mounted"


@pytest.mark.parametrize(
    "name", ["BELAY_LOG", "BELAY_SOURC", "BELAY_KAFKA_LOCAL", "BELAY_BUS_URL", "BELAY___X"]
)
def test_a_variable_of_somebody_else_is_no_mistake_however_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert load(tmp_path) == ForwardSettings(spool_folder=Path("spool"))


def test_an_empty_variable_sets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELAY_STATUS_FILE", "")
    assert load(tmp_path).status_file is None


def test_a_wrong_value_is_told_with_the_variable_that_set_it_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELAY_BATCH_RECORDS", "minus-one")
    said = str(refused(tmp_path, "poll_interval_s: -1\n"))
    assert "batch_records: Input should be a valid integer" in said
    assert "(from BELAY_BATCH_RECORDS)" in said
    assert "minus-one" not in said
    assert "poll_interval_s: Input should be greater than 0, found -1" in said.splitlines()[-1]


def test_a_misspelt_key_inside_another_is_told_with_variable_and_near_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELAY_BUS__CLIENT_IDD", "x")
    expected = "bus.client_idd: unknown key; did you mean 'client_id'? (from BELAY_BUS__CLIENT_IDD)"
    assert expected in str(refused(tmp_path))


def test_a_wrong_secret_is_told_with_its_file(tmp_path: Path, secrets: Path) -> None:
    (secrets / "bus__client_idd").write_text(PASSWORD)
    said = str(refused(tmp_path))
    assert f"(from the secret {secrets / 'bus__client_idd'})" in said
    assert PASSWORD not in said


@pytest.mark.parametrize(
    "file",
    ["bus: {sasl_password: hunter2}", "bus: {sasl_password: [hunter2]}", f"{SASL}  # no password", "bus: {}"],
)
def test_no_error_shows_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    if PASSWORD not in file:
        monkeypatch.setenv("BELAY_BUS__SASL_PASSWORD", PASSWORD)
        monkeypatch.setenv("BELAY_BUS__SASL_MECHANISM", "GUESS")
    error = refused(tmp_path, file + "\n")
    shown = "".join(traceback.format_exception(error))
    assert "ValidationError" in shown
    assert PASSWORD not in shown + repr(error)


def test_a_password_that_is_a_number_is_not_shown_either(tmp_path: Path) -> None:
    said = str(refused(tmp_path, "bus: {sasl_password: 20261129}\n"))
    assert "bus.sasl_password: Input should be a valid string" in said
    assert "20261129" not in said


def test_settings_do_not_show_their_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELAY_BUS__SASL_PASSWORD", PASSWORD)
    settings = load(tmp_path, SASL)
    assert PASSWORD not in repr(settings) + str(settings) + settings.model_dump_json()


def test_a_key_that_holds_others_may_be_json_and_is_named_where_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELAY_BUS", '{"client_id": "x"}')
    assert load(tmp_path).bus.client_id == "x"
    monkeypatch.setenv("BELAY_BUS", PASSWORD)
    shown = "".join(traceback.format_exception(refused(tmp_path)))
    assert "BELAY_BUS: not JSON" in shown
    assert PASSWORD not in shown


def test_a_folder_of_secrets_that_cannot_be_read_is_an_error(tmp_path: Path, secrets: Path) -> None:
    (secrets / "source").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in str(refused(tmp_path))
    (secrets / "source").unlink()
    secrets.rmdir()
    assert f'"{secrets}" does not exist' in str(refused(tmp_path))


def test_a_document_is_what_its_file_says(
    tmp_path: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(spec().model_dump_json(), encoding="utf-8")
    (secrets / "salt").write_text("another")
    monkeypatch.setenv("BELAY_ALPHA", "0.5")
    assert load_document(file, RolloutSpec) == spec()
