"""A client cannot tell the router from vLLM: the same bytes, asked of both, bring the same bytes.

The candidate of the rollout is base's own engine, under another name of this machine: what each arm says is comparable.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from belay.launcher.demo import ALIAS
from telemetry.rollout_file import write_rollout
from tests.conftest import a_free_port
from tests.e2e.conftest import Trained
from tests.router.fidelity.forms import all_forms
from tests.router.fidelity.recorder import compare
from tests.router.proxy.test_app import ROUTER, process, settings_of
from tests.router.values import with_share

pytestmark = [pytest.mark.slow, pytest.mark.alone]


def test_the_router_answers_every_form_as_vllm_does(trained: Trained, tmp_path: Path) -> None:
    write_rollout(tmp_path / "rollout.json", with_share(1.0))
    settings = settings_of(tmp_path, a_free_port(), urlsplit(trained.control_url).port or 0)
    settings["control"]["url"] = settings["control"]["url"].replace("127.0.0.1", "localhost")
    with process(ROUTER, tmp_path, settings, "/belay/healthz") as (_, router):
        compared = [compare(form, trained.control_url, router) for form in all_forms(ALIAS)]
    assert {one.form.name: one.unexplained for one in compared if one.unexplained} == {}
    assert [one.form.name for one in compared if one.form.differs and not one.differences] == []
