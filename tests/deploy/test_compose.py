"""The compose file, what lies beside it, and the Dockerfile: read by real tools and by our own settings' models."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from belay.wiring import WatchSettings
from router.control.settings import ControlSettings
from router.proxy.settings import RouterSettings
from telemetry.forwarding.forwarder import ForwardSettings
from telemetry.settings import load_settings
from tests.deploy import tools
from tests.deploy.charts import DEPLOY
from tests.places import ROOT

COMPOSE = DEPLOY / "compose.yaml"
SETTINGS = DEPLOY / "compose" / "settings"
OURS = {"router": "router", "forwarder": "router", "worker": "worker", "control": "control"}
"""Our services and the target of the image of each."""


@cache
def composed() -> dict[str, Any]:
    """The compose file as Compose reads it: variables at their defaults, anchors and merges resolved."""
    text = COMPOSE.read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(
        re.sub(r"(?<!\$)\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")
    )
    return found


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = composed()["services"]
    return found


def complaint(content: dict[str, Any], folder: Path) -> str:
    """What a reader of the Compose specification says of a file; nothing where it takes it."""
    file = folder / "compose.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = tools.compose_checked(file)
    assert bool(done.returncode) == bool(done.stderr)
    return done.stderr


def targets() -> set[str]:
    """The named stages of the Dockerfile."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    return set(re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE))


def test_compose_takes_the_file_and_all_that_it_refers_to(tmp_path: Path) -> None:
    assert complaint(composed(), tmp_path) == ""


def test_a_mistake_in_a_compose_file_is_found(tmp_path: Path) -> None:
    wrong = copy.deepcopy(composed())
    wrong["services"]["router"]["stop_grace_period"] = "soon"
    assert "stop_grace_period" in complaint(wrong, tmp_path)
    wrong = copy.deepcopy(composed())
    del wrong["volumes"]["spool"]
    assert "spool" in complaint(wrong, tmp_path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("router", RouterSettings),
        ("forwarder", ForwardSettings),
        ("worker", WatchSettings),
        ("control", ControlSettings),
    ],
)
def test_each_process_takes_the_settings_beside_the_compose_file(name: str, kind: type[BaseModel]) -> None:
    load_settings(SETTINGS / f"{name}.yaml", kind)


def test_what_waits_for_what_has_a_sign_of_health_and_is_there() -> None:
    once = {name for name, service in services().items() if "healthcheck" not in service}
    assert once == {"token", "first-rollout"}
    for service in services().values():
        for other, wait in service.get("depends_on", {}).items():
            ends = other in once
            assert wait["condition"] == ("service_completed_successfully" if ends else "service_healthy")
            assert other in services()


def test_every_file_and_every_target_that_a_service_names_is_there() -> None:
    assert {s["build"]["target"] for s in services().values() if "build" in s} <= targets()
    mounted = [
        v.split(":")[0] for s in services().values() for v in s.get("volumes", []) if v.startswith("./")
    ]
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []


def test_our_services_may_write_their_volumes_alone_and_are_reached_from_this_machine_alone() -> None:
    for name, target in OURS.items():
        service = services()[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["image"] == f"belay-{target}:0.1.0"
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_image_is_pinned() -> None:
    images = [service["image"] for service in services().values()]
    assert [image for image in images if ":" not in image or image.endswith(":latest")] == []


def test_hadolint_finds_nothing_to_say_of_the_dockerfile() -> None:
    done = tools.hadolint("--no-color", str(DEPLOY / "Dockerfile"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_images_run_as_nobody_of_note_from_a_pinned_base_without_a_compiler() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^ARG PYTHON=python:3\.11\.\d+-slim-\w+$", text, re.MULTILINE)
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1] == "65532:65532"
    stages = dict(re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE))
    assert stages["runtime"]
    for target in ("router", "control", "worker", "trainer"):
        assert re.search(rf"^FROM runtime AS {target}$", text, re.MULTILINE)
    assert re.findall(r"apt-get install[^&]*", text) == [
        "apt-get install -y --no-install-recommends libnuma1 "
    ]


def test_an_image_tries_what_was_installed_and_not_the_sources_beside_it() -> None:
    """Else a folder of sources would hide a wheel that lacks a file, and keep the bytecode to themselves."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    tried = re.findall(r"/opt/belay/bin/python (\S+)", text)
    assert len(tried) == 4
    assert set(tried) == {"-I"}


def test_what_the_dockerfile_copies_is_there_and_is_sent_to_the_builder() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    sent = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    allowed = [Path(line[1:]) for line in sent.splitlines() if line.startswith("!")]
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for name in copied.split():
            assert (ROOT / name).exists()
            assert any(Path(name).is_relative_to(there) for there in allowed), name


def test_forwarder_and_router_share_what_comes_over_kafka_and_the_router_is_asked_where_no_tls_is_spoken() -> (
    None
):
    router, forwarder = (
        yaml.safe_load((SETTINGS / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in ("router", "forwarder")
    )
    for key in ("rollout_file", "table_file", "spool_folder"):
        assert router[key] == forwarder[key]
    own_address = f"http://127.0.0.1:{router['status_port']}/belay/healthz"
    assert own_address in services()["router"]["healthcheck"]["test"][-1]


def test_control_drafts_by_a_brief_of_its_image_out_of_a_home_that_it_only_reads() -> None:
    control = load_settings(SETTINGS / "control.yaml", ControlSettings)
    assert control.home is not None
    assert control.brief is not None
    mounts = [v.rsplit(":", 2) for v in services()["control"]["volumes"]]
    assert [mode for _, path, mode in (m for m in mounts if len(m) == 3) if path == str(control.home)] == [
        "ro"
    ]
    folder = control.brief.relative_to("/usr/share/belay").parent
    image = (
        (DEPLOY / "Dockerfile")
        .read_text(encoding="utf-8")
        .partition("AS control\n")[2]
        .partition("\nFROM")[0]
    )
    assert f"COPY {folder} /usr/share/belay/{folder}\n" in image
    assert (ROOT / control.brief.relative_to("/usr/share/belay")).exists()
