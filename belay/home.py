"""Where everything that Belay makes lies: one folder, `.belay` unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serving.models.store import SHIPPED, ModelStore
from telemetry.rollout_file import file_of


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one rollout on one machine."""

    root: Path

    @property
    def rollout_file(self) -> Path:
        """The rollout's state as routers read it."""
        return self.root / "rollout.json"

    @property
    def spool(self) -> Path:
        """Interactions on their way to Kafka."""
        return self.root / "spool"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.root / "logs"

    @property
    def forwarder_status(self) -> Path:
        """What the forwarder last said of itself."""
        return self.root / "forwarder.json"

    @property
    def worker_status(self) -> Path:
        """What the worker last said of itself."""
        return self.root / "worker.json"

    @property
    def evidence_log(self) -> Path:
        """The evidence over time, one JSON line a point, for plots."""
        return self.root / "evidence.jsonl"

    @property
    def word_table(self) -> Path:
        """By what the router tells capabilities apart; the worker writes it."""
        return self.root / "words.json"

    def worker_status_of(self, worker: str) -> Path:
        """What one of several workers said of itself, by its name."""
        return file_of(self.worker_status, worker)

    def word_table_of(self, worker: str) -> Path:
        """The word table of one of several workers."""
        return file_of(self.word_table, worker)

    def settings(self, process: str) -> Path:
        """The settings file that a process of this run is started with."""
        return self.root / f"{process}.yaml"


@dataclass(frozen=True, slots=True)
class Home:
    """The artefact store on this machine. Of several bases in it, `base` names the one that is meant."""

    root: Path
    base: str = SHIPPED

    @property
    def models(self) -> Path:
        """Where the model folders lie, and the pins of those that a rollout needs."""
        return self.root / "models"

    @property
    def taggers(self) -> Path:
        """Where fitted taggers lie, each under its hash."""
        return self.root / "taggers"

    @property
    def base_model(self) -> Path:
        """The base model's Hugging Face folder."""
        return self.models / self.base

    @property
    def baselines(self) -> Path:
        """Baselines, by the base's hash."""
        return self.root / "baselines"

    @property
    def answers(self) -> Path:
        """What models answered before, so that it is not asked again."""
        return self.root / "answers.sqlite"

    def model(self, name: str) -> Path:
        """A candidate's Hugging Face folder."""
        return self.models / name

    def audit(self, name: str) -> Path:
        """The folder of a candidate's audit."""
        return self.root / "audits" / name

    def learned_judge(self, name: str) -> Path:
        """The judge that a candidate's audit taught."""
        return self.audit(name) / "learned.json"

    def kept_answers(self, name: str) -> Path:
        """What base and candidate answered in its audit, with their scores."""
        return self.audit(name) / "answers.json"

    def run(self, rollout_id: str) -> RunFolder:
        """The folder of one rollout."""
        return RunFolder(self.runs / rollout_id)

    @property
    def runs(self) -> Path:
        """The folders of all rollouts."""
        return self.root / "runs"

    @property
    def logs(self) -> Path:
        """Logs of engines that serve more than one run."""
        return self.root / "logs"


def home_at(folder: Path, base: str | None = None) -> Home:
    """The home in `folder` with the base that a person named; else the only one that is there, else the shipped one."""
    home = Home(folder.resolve())
    if base is None:
        there = [model.name for model in ModelStore(home.models).every("base")]
        base = there[0] if len(there) == 1 else SHIPPED
    return Home(home.root, base)
