"""Alerts and boards: promtool takes them, they fire when they should, and all they name is really exported."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.charts import CHART, DEPLOY, rendered
from tests.deploy.exporters import PROCESSES, families, names
from tests.docs.test_links import anchors
from tests.places import ROOT

ALERTS = CHART / "files" / "alerts.yaml"
FIRED = Path(__file__).with_name("alerts_fired.yaml")
BOARDS = sorted((DEPLOY / "compose" / "grafana" / "boards").glob("*.json"))
PAGE = ROOT / "docs" / "operations.md"
NAME = re.compile(r"\bbelay_\w+")


@cache
def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in found}) == len(found)
    return {rule["alert"]: rule for rule in found}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool on the PATH: Debian has it in its package `prometheus`")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    return names(tmp_path_factory.mktemp("exporters"))


def test_promtool_takes_the_alerts() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(ALERTS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_not_before() -> None:
    done = promtool("test", "rules", str(FIRED))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_seen_to_fire() -> None:
    cases = yaml.safe_load(FIRED.read_text(encoding="utf-8"))["tests"]
    fired = {each["alertname"] for case in cases for each in case["alert_rule_test"] if each["exp_alerts"]}
    assert fired == set(alerts())


def test_alerts_and_boards_name_nothing_that_our_processes_do_not_export(exported: set[str]) -> None:
    named = {alert: NAME.findall(rule["expr"]) for alert, rule in alerts().items()}
    for file in BOARDS:
        panels = json.loads(file.read_text(encoding="utf-8"))["panels"]
        named[file.name] = NAME.findall(" ".join(t["expr"] for panel in panels for t in panel["targets"]))
    assert all(named.values())
    assert {where: unknown for where, asked in named.items() if (unknown := set(asked) - exported)} == {}


def test_each_alert_says_how_bad_it_is_and_leads_to_its_section_of_the_runbook() -> None:
    there = anchors(PAGE.read_text(encoding="utf-8"))
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
        assert name.lower() in there
    sections = re.findall(r"^### (Belay\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == list(alerts())


def test_the_page_has_every_metric_with_its_labels_and_what_it_says(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for process in PROCESSES:
        wanted = [
            f"| `{family.name}{'_total' if family.type == 'counter' else ''}` "
            f"| {', '.join(family._labelnames)} | {family.documentation} |"  # type: ignore[attr-defined]  # of all families
            for family in families(process, tmp_path)
        ]
        section = text.split(f"### {process.capitalize()}\n")[1].split("\n### ")[0].split("\n## ")[0]
        assert [line for line in section.splitlines() if line.startswith("| `")] == wanted


def test_the_chart_has_the_alerts_as_a_rule_of_the_operators_prometheus(tmp_path: Path) -> None:
    rule = rendered("everything", tmp_path).one("PrometheusRule", "alerts")
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    assert rule["spec"] == yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    kinds = {o["kind"] for o in rendered("defaults", tmp_path).objects}
    assert "PrometheusRule" not in kinds


def test_compose_scrapes_every_process_where_its_settings_have_it_listen() -> None:
    config = yaml.safe_load((DEPLOY / "compose" / "prometheus.yaml").read_text(encoding="utf-8"))
    scraped = {job["static_configs"][0]["targets"][0] for job in config["scrape_configs"]}
    listening = set()
    for process in PROCESSES:
        file = DEPLOY / "compose" / "settings" / f"{process}.yaml"
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        settings = settings.get("worker", settings)
        listening.add(f"{process}:{settings.get('metrics_port') or settings['status_port']}")
    assert scraped == listening
    assert config["rule_files"] == ["/etc/prometheus/alerts.yaml"]
