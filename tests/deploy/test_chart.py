"""The chart: what Helm makes of it is what Kubernetes takes, what our processes read, and what a guard would pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from belay.project import Project
from belay.wiring import WatchSettings
from evaluator.watch.worker.portion import GROUP
from router.control.settings import ControlSettings
from router.proxy.settings import RouterSettings
from telemetry import topics
from telemetry.bus.names import Names
from telemetry.environment import SECRETS_DIR
from telemetry.forwarding.forwarder import ForwardSettings
from telemetry.settings import load_settings
from tests.deploy import tools
from tests.deploy.charts import (
    CHART,
    NOT_OF_KUBERNETES,
    VARIANTS,
    Rendered,
    containers,
    refused,
    rendered,
    taken,
)
from tests.places import ROOT

ARMS: dict[str, Any] = {"control": {"url": "http://a:1"}, "candidate": {"url": "http://b:1"}}
NO_ENGINES = {arm: {"url": ""} for arm in ("control", "candidate")}
FILES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("router", "router.yaml", RouterSettings),
    ("router", "forwarder.yaml", ForwardSettings),
    ("worker", "worker.yaml", WatchSettings),
    ("control", "control.yaml", ControlSettings),
    ("topics", "belay.yaml", Project),
)


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def chart(variant: str, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    return rendered(variant, tmp_path_factory.mktemp("values"))


@pytest.fixture
def mounted_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Secrets as a kubelet mounts them: links to a folder that is swapped as a whole."""
    folder = tmp_path / "secrets"
    (folder / "..2026_11_29").mkdir(parents=True)
    (folder / "..data").symlink_to("..2026_11_29")
    for key in ("bus__sasl_password", "kafka__sasl_password"):
        (folder / "..2026_11_29" / key).write_text("very secret", encoding="utf-8")
        (folder / key).symlink_to(f"..data/{key}")
    monkeypatch.setenv(SECRETS_DIR, str(folder))
    return folder


def test_helm_finds_nothing_to_say_of_the_chart() -> None:
    done = tools.helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


def test_kubernetes_takes_every_object(chart: Rendered, tmp_path: Path) -> None:
    known = [o for o in chart.objects if not o["apiVersion"].startswith(NOT_OF_KUBERNETES)]
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(known), encoding="utf-8")
    done = tools.objects_checked(file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" passed for resource ") == len(known)


@pytest.mark.parametrize(("part", "file", "kind"), FILES, ids=[file for _, file, _ in FILES])
def test_each_process_takes_the_settings_that_it_gets(
    chart: Rendered,
    variant: str,
    part: str,
    file: str,
    kind: type[BaseModel],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if variant == "everything":
        request.getfixturevalue("mounted_secrets")
    path = tmp_path / file
    path.write_text(chart.settings(part, file), encoding="utf-8")
    load_settings(path, kind)


@pytest.mark.usefixtures("mounted_secrets")
def test_a_password_from_the_secret_reaches_the_process_that_needs_it(tmp_path: Path) -> None:
    chart = rendered("everything", tmp_path)
    (tmp_path / "forwarder.yaml").write_text(chart.settings("router", "forwarder.yaml"), encoding="utf-8")
    (tmp_path / "control.yaml").write_text(chart.settings("control", "control.yaml"), encoding="utf-8")
    forwarder = load_settings(tmp_path / "forwarder.yaml", ForwardSettings)
    control = load_settings(tmp_path / "control.yaml", ControlSettings)
    for bus in (forwarder.bus, control.kafka):
        assert bus.sasl_password is not None
        assert bus.sasl_password.get_secret_value() == "very secret"
    assert all("very secret" not in str(o) for o in chart.objects)
    for name, pod in chart.pods().items():
        for container in containers(pod):
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert name.startswith("engine-") or "/etc/belay/secrets" in mounted


def test_every_path_in_the_settings_lies_where_something_is_mounted(chart: Rendered) -> None:
    for part, pod in chart.pods().items():
        for container in () if part.startswith("engine-") else containers(pod):
            settings = yaml.safe_load(chart.settings(part, Path(container["args"][-1]).name))
            mounts = [Path(mount["mountPath"]) for mount in container["volumeMounts"]]
            # The shipped example is in the image; `belay topics` names the brief and does not read it.
            mounts += [Path("/usr/share/belay"), *([Path("/briefs")] if part == "topics" else [])]
            outside = [p for p in _paths(settings) if not any(Path(p).is_relative_to(m) for m in mounts)]
            assert outside == [], (part, container["name"])


def test_arguments_name_a_settings_file_that_is_mounted(chart: Rendered) -> None:
    there = {(part, f"/etc/belay/settings/{file}") for part, file, _ in FILES}
    named = {
        (name, container["args"][-1])
        for name, pod in chart.pods().items()
        for container in containers(pod)
        if not name.startswith("engine-")
    }
    assert named == there


def test_each_process_listens_where_its_service_and_its_probes_ask(chart: Rendered) -> None:
    for part in ("router", "control"):
        settings = yaml.safe_load(chart.settings(part, f"{part}.yaml"))
        (container,) = chart.pods()[part]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == {"http": settings["port"]} | (
            {"status": settings["status_port"]} if part == "router" else {"metrics": settings["metrics_port"]}
        )
        assert settings["host"] == "0.0.0.0"
        (port,) = chart.one("Service", part)["spec"]["ports"]
        assert port["targetPort"] == "http"
        probes = [container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "readiness", "liveness")]
        wants_certificates = "tls_client_ca" in settings
        ports_asked = ["status" if wants_certificates else "http"] * 2
        assert [probe["port"] for probe in probes] == [*ports_asked, "status" if part == "router" else "http"]
        scheme = "HTTPS" if "tls_cert" in settings else None
        assert {probe.get("scheme") for probe in probes if probe["port"] == "http"} <= {scheme}
        assert port["appProtocol"] == ("https" if scheme else "http")


def test_each_process_is_scraped_where_it_listens_and_by_nobody_who_was_not_named(
    chart: Rendered, variant: str
) -> None:
    for part, name in (("router", "forwarder"), ("worker", "worker"), ("control", "control")):
        settings = yaml.safe_load(chart.settings(part, f"{name}.yaml"))
        settings = settings.get("worker", settings)
        (container,) = (c for c in containers(chart.pods()[part]) if c["name"] == name)
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports["metrics"] == settings["metrics_port"]
        assert settings["metrics_host"] == "0.0.0.0"
    for policy in ("router", "control", "nobody"):
        rules = chart.one("NetworkPolicy", policy)["spec"].get("ingress", [])
        scraping = [rule for rule in rules if {"port": "metrics"} in rule["ports"]]
        assert bool(scraping) == (variant == "everything")
        assert all(rule["from"] for rule in scraping)


def test_our_pods_have_no_rights_no_root_and_nothing_to_write_but_their_volumes(chart: Rendered) -> None:
    for name, pod in chart.pods().items():
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False, "BELAY_PORT=tcp://... would be taken for a setting"
        for container in containers(pod):
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= container["resources"].keys()
            assert not container["image"].endswith(":latest")
            if not name.startswith("engine-"):
                assert pod["securityContext"]["runAsNonRoot"] is True
                assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
                assert rights["readOnlyRootFilesystem"] is True


def test_an_engine_hears_router_worker_and_control_alone(tmp_path: Path) -> None:
    chart = rendered("everything", tmp_path)
    for arm in ("control", "candidate"):
        policy = chart.one("NetworkPolicy", f"engine-{arm}")["spec"]
        labels = chart.one("Deployment", f"engine-{arm}")["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()
        (rule,) = policy["ingress"]
        (peer,) = rule["from"]
        assert peer["podSelector"]["matchExpressions"] == [
            {
                "key": "app.kubernetes.io/component",
                "operator": "In",
                "values": ["router", "worker", "control"],
            }
        ]
        assert "namespaceSelector" not in peer


def test_control_is_one_and_hears_nobody_who_was_not_named(tmp_path: Path) -> None:
    chart = rendered("defaults", tmp_path)
    assert chart.one("StatefulSet", "control")["spec"]["replicas"] == 1
    policy = chart.one("NetworkPolicy", "control")["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    assert "ingress" not in policy


def test_a_broker_that_is_away_makes_nothing_unready_and_restarts_nothing(chart: Rendered) -> None:
    probes = {
        container["name"]: {kind: container.get(f"{kind}Probe") for kind in ("readiness", "liveness")}
        for pod in chart.pods().values()
        for container in containers(pod)
    }
    assert all("healthz" not in str(probe) for probe in probes["control"].values())
    assert probes["forwarder"]["readiness"] is probes["worker"]["readiness"] is None


def test_keda_looks_at_the_lag_of_the_group_that_scorers_are_in(tmp_path: Path) -> None:
    trigger = rendered("everything", tmp_path).one("ScaledObject", "worker")["spec"]["triggers"][0]
    names = Names("shop")
    assert trigger["metadata"]["consumerGroup"] == names.group(GROUP)
    assert trigger["metadata"]["topic"] == names.topic(topics.INTERACTIONS)
    helper = (CHART / "templates" / "_settings.tpl").read_text(encoding="utf-8")
    assert f"}}}}{Names().group(GROUP)}{{{{ else }}}}" in helper


def test_the_values_on_the_page_are_taken_by_helm_and_what_comes_of_them_by_the_processes(
    tmp_path: Path, mounted_secrets: Path
) -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    made = taken({key: value for block in blocks for key, value in block.items()}, tmp_path)
    assert mounted_secrets.is_dir()
    for part, file, kind in FILES:
        (tmp_path / file).write_text(made.settings(part, file), encoding="utf-8")
        load_settings(tmp_path / file, kind)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"router": {"replicsa": 3}}, "replicsa"),
        ({"router": {"replicas": 0}}, "replicas"),
        ({"forwarder": {"textPolicy": "none"}}, "textPolicy"),
        ({"kafka": {"bootstrapServers": "kafka"}}, "bootstrapServers"),
        ({"kafka": {"settings": {"sasl_password": "secret"}}}, "sasl_password"),
        ({"kafka": {"namespace": "a b"}}, "namespace"),
        ({"control": {"replicas": 2}}, "replicas"),
        ({"control": {"models": {"folder": "/models"}}}, "folder"),
        ({"control": {"askArms": "yes"}}, "askArms"),
        ({"control": {"brief": {"path": "brief.yaml"}}}, "path"),
        ({"control": {"brief": {"path": "/briefs/b.yaml"}}}, "control.models.folder say of no home to draft"),
        ({"control": {"tokens": {"secret": ""}}}, "control.settings.access says nothing of who may act"),
        ({"engines": {"control": {"url": "vllm:8000"}}}, "url"),
        ({"engines": {"control": {"url": ""}}}, "engines.control.url is empty"),
        ({"engines": NO_ENGINES}, "engines.control.url is empty"),
        (
            {"engines": {"control": {"urls": ["http://a:1"], "deploy": {"enabled": True, "model": "/m"}}}},
            "engines.control.urls are given, and engines.control.deploy is enabled",
        ),
        ({"engines": {"control": {"urls": ["http://a:1", "http://a:1"]}}}, "urls"),
        ({"routes": {"default": ARMS}}, "default"),
        ({"routes": {"a b": ARMS}}, "a b"),
        ({"routes": {"sql": {"control": ARMS["control"]}}}, "candidate"),
        ({"routes": {"sql": ARMS | {"candidate": {}}}}, "url"),
        ({"routes": {"sql": ARMS | {"candidate": {"url": "http://a:1", "urls": ["http://b:1"]}}}}, "oneOf"),
        ({"router": {"tls": {"secret": "s", "crt": "x"}}}, "crt"),
        (
            {"engines": {"candidate": {"deploy": {"enabled": True}}}},
            "engines.candidate.deploy.model is empty",
        ),
    ],
)
def test_values_that_mean_nothing_are_refused_by_name(
    values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in refused(values, tmp_path)


def _paths(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, str) and re.match(r"/\w", value):
        yield value


@pytest.mark.parametrize(
    ("part", "setting", "secret"),
    [
        ("router", "keys_file", "clients"),
        ("router", "tls_cert", "router-tls"),
        ("router", "tls_key", "router-tls"),
        ("router", "tls_client_ca", "router-tls"),
        ("control", "tls_cert", "control-tls"),
        ("control", "tls_key", "control-tls"),
    ],
)
def test_keys_and_certificates_of_a_secret_lie_where_the_process_looks_for_them(
    part: str, setting: str, secret: str, tmp_path: Path
) -> None:
    chart = rendered("everything", tmp_path)
    file = Path(yaml.safe_load(chart.settings(part, f"{part}.yaml"))[setting])
    pod = chart.pods()[part]
    (container,) = (one for one in pod["containers"] if one["name"] == part)
    (mount,) = (one for one in container["volumeMounts"] if one["mountPath"] == str(file.parent))
    (volume,) = (one for one in pod["volumes"] if one["name"] == mount["name"])
    assert volume["secret"] == {"secretName": secret}


def router_of(chart: Rendered, folder: Path) -> RouterSettings:
    (folder / "router.yaml").write_text(chart.settings("router", "router.yaml"), encoding="utf-8")
    return load_settings(folder / "router.yaml", RouterSettings)


def test_every_route_has_its_arms_and_each_engine_the_key_of_its_own_secret(tmp_path: Path) -> None:
    chart = rendered("everything", tmp_path)
    arms = router_of(chart, tmp_path).each_route()
    assert list(arms) == ["default", "acme/chat", "acme/sql"]
    sql, chat = arms["acme/sql"], arms["acme/chat"]
    assert sql.control.url == sql.candidate.url
    assert (sql.control.model, sql.candidate.model) == ("sql-base", "sql-adapter")
    assert chat.control.replicas == ("http://chat-0:8000", "http://chat-1:8000")
    assert (chat.candidate.answers_as, chat.control.key_env) == ("*", None)
    wanted = {
        sql.control.key_env: "sql", sql.candidate.key_env: "sql", chat.candidate.key_env: "far",
        arms["default"].control.key_env: "engines", arms["default"].candidate.key_env: "engines",
    }  # fmt: skip
    for part in ("router", "control"):
        (container,) = chart.pods()[part]["containers"]
        given = {
            one["name"]: one["valueFrom"]["secretKeyRef"]["name"]
            for one in container["env"]
            if "secretKeyRef" in one.get("valueFrom", {})
        }
        assert given == wanted


def test_with_routes_and_no_engines_there_is_no_default_route(tmp_path: Path) -> None:
    chart = taken({"engines": NO_ENGINES, "routes": {"sql": ARMS}}, tmp_path)
    assert list(router_of(chart, tmp_path).each_route()) == ["sql"]


def test_replicas_of_an_arm_stand_over_its_url(tmp_path: Path) -> None:
    urls = ["http://base-0:8000", "http://base-1:8000"]
    arms = router_of(taken({"engines": {"control": {"urls": urls}}}, tmp_path), tmp_path).each_route()
    assert arms["default"].control.replicas == tuple(urls)
    assert arms["default"].candidate.replicas == ("http://vllm-candidate:8000",)


def test_control_that_wants_certificates_is_only_asked_whether_it_listens(tmp_path: Path) -> None:
    tls = {"secret": "s", "clientCa": "ca.crt"}
    (control,) = taken({"control": {"tls": tls}}, tmp_path).pods()["control"]["containers"]
    assert [control[f"{kind}Probe"].get("tcpSocket") for kind in ("startup", "readiness", "liveness")] == [
        {"port": "http"}
    ] * 3


def test_the_forwarder_leaves_the_word_table_where_its_router_looks_for_it(chart: Rendered) -> None:
    files = [
        yaml.safe_load(chart.settings("router", f"{one}.yaml"))["table_file"]
        for one in ("router", "forwarder")
    ]
    assert files[0] == files[1]
    mounts = [
        {m["name"] for m in one["volumeMounts"] if files[0].startswith(m["mountPath"])}
        for one in containers(chart.pods()["router"])
    ]
    assert mounts == [{"spool"}, {"spool"}]


HOME = {"existingClaim": "home", "folder": "models"}


def control_of(values: dict[str, Any], folder: Path) -> tuple[Rendered, ControlSettings]:
    chart = taken(values, folder)
    (folder / "control.yaml").write_text(chart.settings("control", "control.yaml"), encoding="utf-8")
    return chart, load_settings(folder / "control.yaml", ControlSettings)


def test_control_drafts_out_of_a_home_by_the_workers_brief_or_by_its_own(tmp_path: Path) -> None:
    claim = {"persistentVolumeClaim": {"claimName": "briefs"}}
    brief = {"path": "/briefs/b.yaml", "volume": claim}
    for part in ("worker", "control"):
        values = {"control": {"models": HOME}}
        values[part] = values.get(part, {}) | {"brief": brief}
        chart, control = control_of(values, tmp_path)
        assert (control.models_folder, control.brief) == (
            Path("/var/lib/belay-models/models"),
            Path("/briefs/b.yaml"),
        )
        pod = chart.pods()["control"]
        assert {"name": "brief", **claim} in pod["volumes"]
        (container,) = pod["containers"]
        mount = {"name": "brief", "mountPath": "/briefs", "readOnly": True}
        assert mount in container["volumeMounts"]


def test_control_without_a_home_drafts_nothing(tmp_path: Path) -> None:
    _, control = control_of({"control": {"models": {"existingClaim": "models"}}}, tmp_path)
    assert (control.models_folder, control.brief) == (Path("/var/lib/belay-models"), None)


def test_control_that_has_models_asks_the_arms_that_the_router_has(tmp_path: Path) -> None:
    values = {"routes": {"sql": ARMS}, "control": {"models": HOME}}
    chart, control = control_of(values, tmp_path)
    assert {name: (arms.control, arms.candidate) for name, arms in control.arms.items()} == {
        name: (arms.control, arms.candidate) for name, arms in router_of(chart, tmp_path).each_route().items()
    }
    assert sorted(control.arms) == ["default", "sql"]
    for unasked in ({"askArms": False}, {"models": {"existingClaim": ""}}):
        assert control_of(values | {"control": {"models": HOME} | unasked}, tmp_path)[1].arms == {}
