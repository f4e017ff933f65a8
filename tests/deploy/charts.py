"""The chart as tests see it: rendered with some values, object by object."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.deploy import tools
from tests.places import ROOT

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "belay"
BASE = DEPLOY / "kustomize" / "base" / "belay.yaml"

EVERYTHING: dict[str, Any] = {
    "kafka": {
        "bootstrapServers": "kafka-1:9093,kafka-2:9093",
        "namespace": "shop",
        "settings": {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_username": "belay",
            "topics": {"keep_days": 60},
        },
        "ca": {"secret": "kafka-cluster-ca-cert"},
    },
    "secrets": {"existingSecret": "belay"},
    "engines": {
        arm: {
            "keySecret": {"name": "engines"},
            "deploy": {
                "enabled": True,
                "model": f"/models/{arm}",
                "servedModelName": "support",
                "args": ["--max-model-len=8192"],
                "modelVolume": {"persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
            },
        }
        for arm in ("control", "candidate")
    },
    "router": {
        "settings": {"shadow_limit": 8, "timeouts": {"connect_s": 1.0}},
        "keys": {"secret": "clients"},
        "tls": {"secret": "router-tls", "clientCa": "ca.crt"},
        "env": [{"name": "TZ", "value": "UTC"}],
    },
    "worker": {
        "brief": {"path": "/briefs/brief.yaml", "volume": {"configMap": {"name": "brief"}}},
        "settings": {"snapshot_every": 500},
        "keda": {"enabled": True, "authentication": "kafka"},
    },
    "control": {
        "models": {"existingClaim": "home", "folder": "models"},
        "settings": {"attest_every_s": 60},
        "tls": {"secret": "control-tls"},
    },
    "routes": {
        "acme/sql": {
            "control": {"url": "http://sql:8000", "model": "sql-base", "keySecret": {"name": "sql"}},
            "candidate": {"url": "http://sql:8000", "model": "sql-adapter", "keySecret": {"name": "sql"}},
        },
        "acme/chat": {
            "control": {"urls": ["http://chat-0:8000", "http://chat-1:8000"]},
            "candidate": {"url": "https://far.example/v1", "answersAs": "*", "keySecret": {"name": "far"}},
        },
    },
    "networkPolicy": {
        "routerFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}],
        "controlFrom": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "argo-rollouts"}}}
        ],
        "metricsFrom": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        ],
        "egressPorts": [443, 8000, 9093],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "podAnnotations": {"team": "platform"},
}
VARIANTS: dict[str, dict[str, Any]] = {"defaults": {}, "everything": EVERYTHING}
NOT_OF_KUBERNETES = ("keda.sh/", "monitoring.coreos.com/")
"""Groups whose objects have no schema in kubernetes-validate."""


@dataclass(frozen=True)
class Rendered:
    """What Helm made of the chart."""

    objects: tuple[dict[str, Any], ...]

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """The one object of a kind and name."""
        (found,) = (o for o in self.objects if (o["kind"], o["metadata"]["name"]) == (kind, f"belay-{name}"))
        return found

    def pods(self) -> dict[str, dict[str, Any]]:
        """The specification of each pod, by the name of what makes it."""
        made = (o for o in self.objects if o["kind"] in ("StatefulSet", "Deployment", "Job"))
        return {o["metadata"]["name"].removeprefix("belay-"): o["spec"]["template"]["spec"] for o in made}

    def settings(self, part: str, file: str) -> str:
        """A settings file as its process finds it."""
        return str(self.one("ConfigMap", part)["data"][file])


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Every container of a pod."""
    return [*pod.get("initContainers", []), *pod["containers"]]


def refused(values: dict[str, Any], folder: Path) -> str:
    """What Helm says of values that it does not take; fails where it takes them."""
    done = _template(values, folder)
    assert done.returncode, f"Helm took {values}"
    return done.stderr


@functools.cache
def rendered(variant: str, folder: Path) -> Rendered:
    """The chart with the values of a variant, as release `belay` in the namespace `belay`.

    With its defaults it is the rendered base, which test_kustomize holds to the chart: so much is there without Helm.
    """
    if variant == "defaults":
        return _read(BASE.read_text(encoding="utf-8"))
    return taken(VARIANTS[variant], folder)


def taken(values: dict[str, Any], folder: Path) -> Rendered:
    """The chart with some values; fails where Helm does not take them."""
    done = _template(values, folder)
    assert done.returncode == 0, done.stderr
    return _read(done.stdout)


def _read(text: str) -> Rendered:
    return Rendered(tuple(o for o in yaml.safe_load_all(text) if o is not None))


def _template(values: dict[str, Any], folder: Path) -> Any:
    file = folder / "values.json"
    file.write_text(json.dumps(values), encoding="utf-8")
    return tools.helm("template", "belay", str(CHART), "--namespace", "belay", "--values", str(file))
