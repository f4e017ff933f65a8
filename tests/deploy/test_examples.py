"""The examples beside the chart: YAML of the kinds that they should be, about names that the chart really makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from telemetry.bus.settings import BusSettings
from telemetry.settings import parse_document
from tests.deploy.charts import DEPLOY, rendered
from tests.places import ROOT

EXAMPLES = DEPLOY / "examples"
KINDS = {
    "argo-rollouts": ["argoproj.io/v1alpha1/AnalysisTemplate"],
    "flagger": ["flagger.app/v1beta1/Canary"],
    "gateway-api": ["gateway.networking.k8s.io/v1/HTTPRoute"],
    "gateway-pools": [
        "gateway.networking.k8s.io/v1/HTTPRoute",
        "inference.networking.k8s.io/v1/InferencePool",
        "inference.networking.k8s.io/v1/InferencePool",
    ],
    "kafka-strimzi": [
        "kafka.strimzi.io/v1beta2/KafkaNodePool",
        "kafka.strimzi.io/v1beta2/Kafka",
        "kafka.strimzi.io/v1beta2/KafkaUser",
    ],
}


def objects(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")))


def test_every_example_is_known_here() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.yaml")} == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_an_example_has_the_objects_that_it_says(name: str) -> None:
    assert [f"{o['apiVersion']}/{o['kind']}" for o in objects(name)] == KINDS[name]


@pytest.mark.parametrize("name", ["argo-rollouts", "flagger", "gateway-api"])
def test_an_example_asks_services_of_the_chart_by_name_and_port(name: str, tmp_path: Path) -> None:
    services = {
        (o["metadata"]["name"], port["port"])
        for o in rendered("defaults", tmp_path).objects
        if o["kind"] == "Service"
        for port in o["spec"]["ports"]
    }
    text = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")
    urls = re.findall(r"http://(?:\S+@)?(belay-\w+)\.belay:(\d+)/", text)
    backends = re.findall(r"\{name: (belay-\w+), port: (\d+)", text)
    named = {(service, int(port)) for service, port in urls + backends}
    assert named
    assert named <= services


@pytest.mark.parametrize("name", ["argo-rollouts", "flagger"])
def test_an_example_is_the_manifest_of_the_page(name: str) -> None:
    page = (ROOT / "docs" / "router.md").read_text(encoding="utf-8")
    assert objects(name)[0] in [yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]


def test_kafkas_user_may_touch_what_is_called_as_topics_and_groups_are(tmp_path: Path) -> None:
    text = (EXAMPLES / "kafka-strimzi.yaml").read_text(encoding="utf-8")
    (settings,) = re.findall(r"\{security_protocol: [^}]*\}", text)
    bus = parse_document(settings[:-1] + ", sasl_password: x}", BusSettings, "kafka-strimzi.yaml")
    (user,) = (o for o in objects("kafka-strimzi") if o["kind"] == "KafkaUser")
    assert bus.sasl_username == user["metadata"]["name"]
    acls = {acl["resource"].get("name") for acl in user["spec"]["authorization"]["acls"]}
    assert acls == {f"{bus.namespace}.", bus.namespace, None}
    assert all(
        o["metadata"]["name"] != "belay"
        for o in rendered("defaults", tmp_path).objects
        if o["kind"] == "Secret"
    )
