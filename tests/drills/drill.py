"""What runs in a drill: two engines, control, router, forwarder and worker, a client; and how it is all settled."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from belay.home import RunFolder
from belay.launcher.processes import Process, StackSettings, processes_of
from belay.launcher.view import read_json
from serving.engines.arms import Endpoint
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.events import Arm, RolloutSpec
from telemetry.rollout_file import read_rollout
from tests.drills import world
from tests.drills.account import Account, Counts, take
from tests.drills.brokers import Broker, own_namespace
from tests.drills.parts import Parts
from tests.drills.ports import lasting_port
from tests.drills.traffic import Load, Traffic
from tests.given_kafka import forget

ENGINES: Final[dict[Arm, str]] = {"control": "base", "candidate": "candidate"}
START_S: Final = 60.0
SETTLE_S: Final = 240.0
_LOOK_S: Final = 0.1


@dataclass(frozen=True)
class Runs:
    """What a scenario wants to run: its load, changes of the rollout's spec, and settings over those of our own.

    `settings` are by process (`router`, `forwarder`, `worker`, `control`), each a mapping that is laid over the file.
    `wrong` is the fraction of each arm's answers that are wrong. `answers` are the prompts that are sent, with what is
    right. `around` is something that lasts as long as the run,
    such as a disk of its own for the spool.
    """

    load: Load = field(default_factory=Load)
    spec: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    wrong: Mapping[Arm, float] = field(default_factory=lambda: {"control": 0.1, "candidate": 0.1})
    answers: Mapping[str, str] = field(default_factory=world.answers)
    around: Callable[[RunFolder], AbstractContextManager[object]] = nullcontext


class Drill:
    """One run. Parts are started and ended through `parts`, engines told through `tell`, traffic through `traffic`."""

    def __init__(
        self, folder: RunFolder, runs: Runs, broker: Broker, parts: Parts, http: httpx.Client
    ) -> None:
        self.folder, self.runs, self.broker, self.parts, self.http = folder, runs, broker, parts, http
        self.namespace = own_namespace("drill")
        self.bus_settings = {"bootstrap_servers": broker.servers, "namespace": self.namespace, **broker.bus}
        self.bus = KafkaBus(BusSettings.model_validate(self.bus_settings))
        self.brief = world.write_brief(folder.root / "brief")
        self.spec: RolloutSpec = world.spec_of(self.brief, "drill", **runs.spec)
        self.ports = {name: lasting_port() for name in ("router", "status", "control", *ENGINES.values())}
        self.traffic = Traffic(self.url("router"), list(runs.answers), runs.load)
        self.broker_kills = 0
        self.notes: list[str] = []
        self.figures: dict[str, float] = {}
        self.counts = Counts(self)

    # --- the parts ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything, and the rollout; returns when the router has it."""
        self.bus.ensure_topics()
        answers = self.folder.root / "answers.json"
        answers.write_text(json.dumps(dict(self.runs.answers)), encoding="utf-8")
        for arm, name in ENGINES.items():
            self.parts.add(name, "tests.drills.stub_engine", [str(self.ports[name]), str(answers)])
            self.must(lambda name=name: self._answers(f"{self.url(name)}/v1/models"), f"{name} answers")  # type: ignore[misc]  # mypy cannot type a lambda's default
            self.tell(arm, wrong=self.runs.wrong[arm])
        for process in processes_of(self._settings()):
            content = laid_over(process.content, self._changes().get(process.name, {}))
            arguments = replace(process, content=content).written(self.folder)
            self.parts.add(process.name, "tests.drills.launch", arguments)
        self.must(lambda: self._answers(f"{self.url('router')}/belay/healthz"), "the router answers")
        self.must(
            lambda: self._answers(f"{self.url('control')}/healthz"), "control answers, and has its broker"
        )
        started = self.http.post(f"{self.url('control')}/rollouts", json=self.spec.model_dump(mode="json"))
        started.raise_for_status()
        self.must(
            lambda: self.router().get("rollout_id") == self.spec.rollout_id, "the router has the rollout"
        )
        self.must(lambda: self.settled() >= 0, "the worker watches the rollout")

    def also(self, name: str, like: str, **changes: Any) -> None:
        """Start another part like one that runs, with other settings."""
        content = yaml.safe_load(self.folder.settings(like).read_text(encoding="utf-8"))
        command = next(process.command for process in processes_of(self._settings()) if process.name == like)
        arguments = Process(name, command, laid_over(content, changes)).written(self.folder)
        self.parts.add(name, "tests.drills.launch", arguments)

    def url(self, name: str) -> str:
        """Where a part listens."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def tell(self, arm: Arm, **told: Any) -> None:
        """Tell an engine how to behave."""
        self.http.post(f"{self.url(ENGINES[arm])}/told", json=told).raise_for_status()

    def restart(self, name: str) -> None:
        """Kill a part, and start it again as a supervisor does."""
        self.parts.kill(name)
        self.parts.start(name)

    def kill_broker(self, node: int = 0) -> None:
        """SIGKILL the broker, or one of several."""
        self.broker.kill(node)
        self.broker_kills += 1

    # --- what they say --------------------------------------------------------------------------------

    def router(self) -> dict[str, Any]:
        """What the router says of itself; empty where it does not answer."""
        return self.status_of(self.url("status"))

    def status_of(self, url: str) -> dict[str, Any]:
        """What the router says of itself at `url`, its own address; empty where it does not answer."""
        return self._json(f"{url}/belay/status")

    def control(self) -> dict[str, Any]:
        """The state of control's rollout; empty where it does not answer."""
        return self._json(f"{self.url('control')}/rollouts/current")

    def forwarder(self) -> dict[str, Any]:
        """The forwarder's last word."""
        return read_json(self.folder.forwarder_status)

    def worker(self) -> dict[str, Any]:
        """The last word of the worker that decides about this rollout; empty before its first."""
        said = [
            one
            for file in self.folder.root.glob("worker*.json")
            for one in read_json(file).get("rollouts", [])
        ]
        mine = [one for one in said if one["rollout_id"] == self.spec.rollout_id]
        found: dict[str, Any] = max(mine, key=lambda one: one["settled"], default={})
        return found

    def settled(self) -> int:
        """Scores that the worker has folded; -1 where it does not watch the rollout."""
        return int(self.worker().get("settled", -1))

    def status_in_file(self) -> str:
        """What the rollout file says."""
        state = read_rollout(self.folder.rollout_file)
        return state.status if state is not None else "none"

    # --- waiting --------------------------------------------------------------------------------------

    def until(self, what: Callable[[], Any], timeout_s: float) -> bool:
        """Wait until something is so; whether it became so in time."""
        deadline = time.monotonic() + timeout_s
        while not what():
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
        return True

    def must(self, what: Callable[[], Any], told: str, timeout_s: float = START_S) -> None:
        """Wait for what everything after it needs. TimeoutError where it did not come."""
        if not self.until(what, timeout_s):
            raise TimeoutError(
                f"within {timeout_s:g} s it was not so that {told}; logs are in {self.folder.logs}"
            )

    def settle(self, timeout_s: float = SETTLE_S) -> Account:
        """End the traffic, have everything that is on its way arrive, end the worker, and count."""
        self.traffic.stop()
        for name in self.parts.started():
            self.parts.start(name)
        deadline = time.monotonic() + timeout_s
        with self.counts:
            if not self.until(self._drained, timeout_s):
                said = self.forwarder()
                left = f"{said.get('waiting')} records and {said.get('lag_bytes')} bytes were left"
                self.notes.append(f"the spool was not sent within {timeout_s:g} s: {left}")
            if not self.until(self._folded, max(1.0, deadline - time.monotonic())):
                folded = f"{self.settled():,} of {self.counts.mine:,} scores folded"
                self.notes.append(f"the worker was not done within {timeout_s:g} s: {folded}")
            # What was folded twice comes after what was folded once.
            time.sleep(1.0)
            for name in self.parts.started():
                if name.startswith("worker"):
                    self.parts.stop(name)
            return take(self, self.counts)

    def _drained(self) -> bool:
        said = self.forwarder()
        age_s = time.time() - self.folder.forwarder_status.stat().st_mtime if said else 60.0
        return age_s < 3.0 and said["waiting"] == 0 and said["lag_bytes"] == 0

    def _folded(self) -> bool:
        """Whether all is scored, and folded what is of this rollout: those of another, or of none, are not."""
        counts = self.counts
        counts.read_on()
        return len(counts.scored) >= len(counts.interactions) and self.settled() >= counts.mine

    def _settings(self) -> StackSettings:
        control, candidate = (Endpoint(arm=arm, url=self.url(name)) for arm, name in ENGINES.items())
        kafka = {name: value for name, value in self.bus_settings.items() if name != "bootstrap_servers"}
        return StackSettings(
            brief=self.brief,
            control=control,
            candidate=candidate,
            bootstrap=self.broker.servers,
            folder=self.folder,
            router_port=self.ports["router"],
            control_port=self.ports["control"],
            status_port=self.ports["status"],
            kafka=kafka,
        )

    def _changes(self) -> dict[str, Mapping[str, Any]]:
        common: dict[str, Mapping[str, Any]] = {
            "router": {"expose_arm": True},
            "worker": {"worker": {"snapshot_every": 500}},
        }
        names = {*common, *self.runs.settings}
        return {n: laid_over(common.get(n, {}), self.runs.settings.get(n, {})) for n in names}

    def _answers(self, url: str) -> bool:
        try:
            return self.http.get(url).is_success
        except httpx.HTTPError:
            return False

    def _json(self, url: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.http.get(url).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return found


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others over them, also inside of those that are mappings."""
    found = dict(below)
    for name, value in above.items():
        there = found.get(name)
        inside = isinstance(value, Mapping) and isinstance(there, Mapping)
        found[name] = laid_over(there, value) if inside else value  # type: ignore[arg-type]  # both were looked at
    return found


@contextmanager
def running(folder: Path, runs: Runs, broker: Broker) -> Iterator[Drill]:
    """A drill with all its parts up and the rollout under way; everything is ended with the block."""
    run = RunFolder(folder)
    run.root.mkdir(parents=True)
    with (
        ExitStack() as at_last,
        runs.around(run),
        Parts(run.logs) as parts,
        httpx.Client(timeout=5.0) as http,
    ):
        drill = Drill(run, runs, broker, parts, http)
        if broker.given:
            at_last.callback(forget, broker.servers, drill.namespace)
        try:
            drill.start()
            yield drill
        finally:
            drill.traffic.stop()
