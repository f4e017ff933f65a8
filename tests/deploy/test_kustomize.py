"""The rendered base is the chart's, and kubectl builds it and the overlay that shows how to change it."""

from __future__ import annotations

from pathlib import Path

import yaml

from router.proxy.settings import RouterSettings
from telemetry.settings import load_settings
from tests.deploy import tools
from tests.deploy.charts import BASE, CHART, DEPLOY, Rendered, rendered

KUSTOMIZE = DEPLOY / "kustomize"


def built(folder: Path) -> Rendered:
    done = tools.kubectl("kustomize", str(folder))
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return Rendered(tuple(yaml.safe_load_all(done.stdout)))


def test_the_base_is_what_helm_makes_of_the_chart() -> None:
    done = tools.helm("template", "belay", str(CHART), "--namespace", "belay")
    assert BASE.read_text(encoding="utf-8") == done.stdout, (
        "make it anew, as the head of kustomization.yaml says"
    )


def test_kubectl_builds_the_base_with_all_its_objects(tmp_path: Path) -> None:
    names = {(o["kind"], o["metadata"]["name"]) for o in rendered("defaults", tmp_path).objects}
    assert {(o["kind"], o["metadata"]["name"]) for o in built(KUSTOMIZE / "base").objects} == names


def test_kubernetes_takes_what_kubectl_builds_of_the_overlay(tmp_path: Path) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(built(KUSTOMIZE / "overlays" / "example").objects), encoding="utf-8")
    done = tools.objects_checked(file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_overlay_changes_number_images_and_settings(tmp_path: Path) -> None:
    overlaid = built(KUSTOMIZE / "overlays" / "example")
    assert overlaid.one("StatefulSet", "router")["spec"]["replicas"] == 3
    images = {c["image"] for pod in overlaid.pods().values() for c in pod["containers"]}
    assert all(image.startswith("registry.example.org/belay-") for image in images)
    (tmp_path / "router.yaml").write_text(overlaid.settings("router", "router.yaml"), encoding="utf-8")
    settings = load_settings(tmp_path / "router.yaml", RouterSettings)
    assert settings.candidate.url == "http://candidate.models.svc:8000"
