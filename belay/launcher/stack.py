"""The online path on one machine: control, router, forwarder and worker as child processes, and one view of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx

from belay.launcher.processes import StackSettings, processes_of
from belay.launcher.supervisor import Supervisor
from belay.launcher.view import StackView, look, router_status
from belay.steps.control_client import START_S
from serving.server import free_port
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.protocols import Bus
from telemetry.errors import InfrastructureError
from telemetry.events import RolloutSpec
from telemetry.rollout_file import read_rollout

_START_S = 60.0


class OnlineStack:
    """Starts the four processes under a supervisor and tells how they are."""

    def __init__(self, settings: StackSettings, children: Supervisor) -> None:
        self._settings = replace(
            settings,
            router_port=settings.router_port or free_port(),
            control_port=settings.control_port or free_port(),
            status_port=settings.status_port or free_port(),
        )
        self._children = children
        self._http = httpx.Client(timeout=5.0)
        self.bus: Bus = KafkaBus(BusSettings.model_validate(settings.bus))

    @property
    def router_url(self) -> str:
        """Where clients send their requests; add `/v1`."""
        return f"http://127.0.0.1:{self._settings.router_port}"

    @property
    def status_url(self) -> str:
        """Where the router tells how it is."""
        return f"http://127.0.0.1:{self._settings.status_port}"

    @property
    def control_url(self) -> str:
        """The control API."""
        return f"http://127.0.0.1:{self._settings.control_port}"

    def start(self) -> None:
        """Create the topics, start the processes, wait until router and control answer."""
        self._settings.folder.root.mkdir(parents=True, exist_ok=True)
        self.bus.ensure_topics()
        for process in processes_of(self._settings):
            self._children.start(process.name, process.written(self._settings.folder))
        for url in (f"{self.router_url}/belay/healthz", f"{self.control_url}/healthz"):
            self._children.wait_until(lambda url=url: self._answers(url), f"an answer from {url}", _START_S)  # type: ignore[misc]  # mypy cannot type a lambda's default
        worker = self._settings.folder.worker_status
        self._children.wait_until(worker.is_file, "the worker's first word", _START_S)

    def start_rollout(self, spec: RolloutSpec) -> None:
        """Start the rollout at control and wait until the router has read it."""
        url = f"{self.control_url}/rollouts"
        answer = self._http.post(url, json=spec.model_dump(mode="json"), timeout=START_S)
        if answer.is_error:
            raise InfrastructureError(
                f"control refused to start rollout {spec.rollout_id}: {answer.status_code} {answer.text}"
            )
        self._children.wait_until(
            lambda: self._router_status().get("rollout_id") == spec.rollout_id,
            "the router's reading of the new rollout",
            10.0,
        )

    def close(self) -> None:
        """Let go of the connections to router and control; the processes are the supervisor's."""
        self._http.close()

    def roll_back(self, actor: str, reason: str) -> None:
        """Roll back by hand, over HTTP."""
        current = read_rollout(self._settings.folder.rollout_file)
        if current is None:
            raise InfrastructureError("there is no rollout to roll back")
        url = f"{self.control_url}/rollouts/{current.spec.rollout_id}/rollback"
        self._http.post(url, json={"actor": actor, "reason": reason}).raise_for_status()

    def view(self) -> StackView:
        """What router, forwarder and worker say of themselves at this moment."""
        return look(self._settings.folder, self._router_status())

    def _router_status(self) -> dict[str, Any]:
        return router_status(self._http, self.status_url)

    def _answers(self, url: str) -> bool:
        try:
            return self._http.get(url).is_success
        except httpx.HTTPError:
            return False
