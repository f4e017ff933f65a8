"""The worker behind `belay watch`: a scorer and a decider, each on its own thread, over one bus.

    belay.interactions -> scorer (tag, judge) -> belay.scores -> decider (fold, test) -> belay.decisions

Either may crash or lose the broker at any moment; it begins again from what is in Kafka.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from evaluator.audit.kept_answers import FILE as ANSWERS
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.briefs.judges import JudgeAddress
from evaluator.judge.embedding import Embedder
from evaluator.judge.judges.anchors import Anchors
from evaluator.judge.judges.counted import Asked
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.learned.judge import LearnedJudge
from evaluator.judge.judges.learned.model import read_model
from evaluator.judge.judges.scorer import LiveJudging
from evaluator.judge.tagging.choosing import AnyTagger, tagger_for
from evaluator.judge.tagging.meaning_tagger import MeaningTagger
from evaluator.judge.tagging.word_tagger import agreement, fit_table
from evaluator.watch.worker.alive import Alive
from evaluator.watch.worker.decider import Decider
from evaluator.watch.worker.garbage import seldom_collected
from evaluator.watch.worker.known_answers import anchors_of
from evaluator.watch.worker.lease import Lease
from evaluator.watch.worker.metrics import WorkerFigures, WorkerMetrics, decider_figures
from evaluator.watch.worker.portion import Portion
from evaluator.watch.worker.reporting import Beside, Reporter, judges_asked
from evaluator.watch.worker.scoring import Scorer, Tagging
from evaluator.watch.worker.status import EvidenceLog, WorkerStatus, worker_status, write_status
from telemetry.bus.lag import measure_until
from telemetry.bus.protocols import Bus
from telemetry.codec import encode
from telemetry.errors import BriefError, BrokerUnavailable, RecordTooLarge
from telemetry.events import DEFAULT_ROUTE, TableFile, WordTableMade, derived_id
from telemetry.metrics_address import MetricsSettings, metrics_served
from telemetry.tracing.export import NO_TRACES, Traces, traces_asked
from telemetry.word_table import write_table

log = logging.getLogger(__name__)

STATUS_EVERY_S: Final = 0.5
RETRY_S: Final = 0.5
STAND_BY_S: Final = 0.05
TELL_AFTER_S: Final = 15.0
"""Joining a group takes a few seconds; a longer wait means that another worker has it."""
SOURCE: Final = "belay/worker"
COMPARE_EVERY: Final = 5
"""Every fifth of the brief's prompts is enough to see whether word table and tagger agree."""


class WorkerSettings(MetricsSettings):
    """What a worker needs to know.

    `status_file` is replaced twice a second; `evidence_file` (by default `evidence.jsonl` beside it) grows by
    a line every ten settled scores. `poll_s` bounds how long a loop takes to notice that it should stop; a
    record that arrives is read at once.
    `judges` are the addresses of those that the brief knows by name.
    `table_file` gets the brief's word table, by which routers tell capabilities apart (their `table_file`). `learned`
    is the judge that the candidate's audit left; where no such file lies, what it would judge is unscored. `base` is
    where base's engine answers, for what a brief has it asked; without it that is not asked. `anchors` are the answers
    that the audit left (by default `answers.json` beside `learned`), about which judging models are asked again, to see
    whether they changed. `tagger` is a file of
    `belay tagger train`; without one a tagger is fitted on the brief's exemplars. In `alive_folder` each loop
    (`scorer`, `decider`) keeps a file young as long as it goes round, whether or not the broker is there.

    Where routes have briefs of their own there is a worker for each, told apart by `name`: it scores what asked for one
    of `models`, and nothing of what asked for `other_models`, which another worker scores. Routers on other machines
    get its word table under its name, over Kafka.
    """

    name: Annotated[str, Field(pattern=r"^[!-~]{1,100}$")] = DEFAULT_ROUTE
    models: tuple[str, ...] = ()
    other_models: tuple[str, ...] = ()
    brief: Path
    status_file: Path
    evidence_file: Path | None = None
    snapshot_every: int = Field(default=2_000, gt=0)
    poll_s: float = Field(default=0.05, gt=0.0)
    table_file: Path | None = None
    judges: dict[str, JudgeAddress] = Field(default_factory=dict)
    learned: Path | None = None
    base: JudgeAddress | None = None
    anchors: Path | None = None
    tagger: Path | None = None
    alive_folder: Path | None = None

    @property
    def portion(self) -> Portion:
        """Whose interactions it scores."""
        return Portion(self.name, frozenset(self.models), frozenset(self.other_models))

    @property
    def answers(self) -> Path | None:
        """Where the audit's answers lie that judging models are asked about again."""
        return self.anchors or (self.learned.with_name(ANSWERS) if self.learned is not None else None)

    @property
    def evidence_log(self) -> Path:
        """Where the evidence is logged."""
        return self.evidence_file or self.status_file.with_name("evidence.jsonl")


def run_worker(settings: WorkerSettings, bus: Bus, stop: threading.Event) -> None:
    """Score and decide until `stop` is set. Raises what a loop died of; a lost broker is waited for."""
    loaded = load_brief(settings.brief, settings.judges)
    # One encoder for tagger and judges: its weights are 90 MB, and both ask about the same prompts.
    encoder = Embedder()
    tagger = tagger_for(loaded, settings.tagger, encoder)
    table = _table(settings.table_file, loaded, tagger)
    judge = live_judge(loaded, settings.learned, encoder, settings.base)
    with closing(traces_asked("belay-worker")) as traces:
        anchors = anchors_of(loaded, settings.answers, judge)
        worker = Worker(settings, bus, tagger, judge, stop, table, traces, anchors)
        figures = worker.figures
        lags = (figures.scorer_lag, figures.decider_lag)
        threading.Thread(target=measure_until, args=(stop, bus, lags), name="belay-lag", daemon=True).start()
        with metrics_served(settings, WorkerMetrics(figures, lambda: judge.asked)):
            worker.run()


def live_judge(
    loaded: LoadedBrief, learned: Path | None, encoder: Embedder, base: JudgeAddress | None = None
) -> Judge:
    """The brief's judges with the one that an audit left. AttestationError where that file cannot be used."""
    if base is None and any(c.judge.base is not None for c in loaded.brief.capabilities):
        log.warning(
            "the brief has base's engine asked, and nobody says where it is (`base`): it is not asked"
        )
    if not Embedder.installed():
        log.warning("no sentence encoder is installed: only programs and models judge what users send")
        return Judge(loaded, gives_up=False, base=base)
    if learned is None or not learned.is_file():
        log.warning(
            "no judge was taught (%s): what only it could judge is unscored", learned or "none is named"
        )
        return Judge(loaded, gives_up=False, embed=encoder.embed, base=base)
    taught = LearnedJudge(read_model(learned, encoder.version), loaded, encoder.embed)
    return Judge(loaded, gives_up=False, learned=taught, embed=encoder.embed, base=base)


def _table(path: Path | None, loaded: LoadedBrief, tagger: AnyTagger) -> TableFile | None:
    """The word table, in its file where there is one; the log says how often it agrees with the tagger.

    None where no router could use one: a brief with exemplars of fewer than two capabilities.
    """
    try:
        table = fit_table(loaded, tagger if isinstance(tagger, MeaningTagger) else None)
    except BriefError:
        if path is not None:
            raise
        return None
    if path is not None:
        write_table(path, table)
    prompts = [item.prompt for items in loaded.items.values() for item in items][::COMPARE_EVERY]
    log.info(
        "word table %s; it agrees with the tagger on %.1f%% of %d of the brief's prompts",
        table.version,
        100.0 * agreement(table, tagger, prompts),
        len(prompts),
    )
    return table


class Worker:
    """The two loops and what they share: a tagger, a judge, counts, the order to stop."""

    def __init__(
        self,
        settings: WorkerSettings,
        bus: Bus,
        tagger: Tagging,
        judge: LiveJudging,
        stop: threading.Event,
        table: TableFile | None = None,
        traces: Traces = NO_TRACES,
        anchors: Anchors | None = None,
    ) -> None:
        self._anchors = anchors
        self._settings, self._bus, self._stop, self._table = settings, bus, stop, table
        self._tagger, self._judge, self._traces = tagger, judge, traces
        self.figures = WorkerFigures()
        self._counts = self.figures.counts
        self._failures: list[BaseException] = []
        self._scores = Alive(settings.alive_folder, "scorer")
        self._decides = Alive(settings.alive_folder, "decider")

    def run(self) -> None:
        """Run both loops until `stop`; raise the first error that one of them died of."""
        threads = [
            threading.Thread(target=self._guard, args=(loop, alive), name=name)
            for name, loop, alive in (
                ("belay-scorer", self._score, self._scores),
                ("belay-decider", self._decide, self._decides),
            )
        ]
        with seldom_collected():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if self._failures:
            raise self._failures[0]

    def _guard(self, loop: Callable[[], None], alive: Alive) -> None:
        told = ""
        try:
            while not self._stop.is_set():
                alive.beat()
                try:
                    self._bus.ensure_topics()  # a topic may have been deleted, an embedded broker comes back empty
                    told = ""
                    loop()
                except BrokerUnavailable as error:
                    if error.message != told:
                        log.warning("%s; trying again every %.1f s. %s", error.message, RETRY_S, error.hint)
                    told = error.message
                    self._stop.wait(RETRY_S)
        except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits, which raises it
            self._failures.append(error)
            self._stop.set()

    def _score(self) -> None:
        self._publish_table()
        scorer = Scorer(
            self._bus,
            self._tagger,
            self._judge,
            self._counts,
            portion=self._settings.portion,
            traces=self._traces,
            anchors=self._anchors,
        )
        try:
            while not self._stop.is_set():
                scorer.step(self._settings.poll_s)
                self._scores.beat()
                scorer.stand(self.figures.scorer_lag)
        finally:
            scorer.close()

    def _publish_table(self) -> None:
        """Tell routers elsewhere by what shadows are drawn; again with every start, as a broker may forget."""
        if self._table is None:
            return
        name = self._settings.name
        made = WordTableMade(
            event_id=derived_id("word-table", name, self._table.version),
            source=SOURCE,
            worker=name,
            table=self._table,
        )
        with self._bus.publisher() as publisher:
            try:
                publisher.send(encode(made))
                publisher.flush()
            except RecordTooLarge as error:
                log.warning("routers on other machines draw shadows evenly: %s", error)

    def _decide(self) -> None:
        self._settings.status_file.parent.mkdir(parents=True, exist_ok=True)
        with Lease(self._bus) as lease:
            self._stand_by(lease)
            if not self._stop.is_set():
                self._decide_while(lease)

    def _stand_by(self, lease: Lease) -> None:
        """Wait until no other worker decides."""
        since, told = time.monotonic(), False
        while not lease.held() and not self._stop.wait(STAND_BY_S):
            self._decides.beat()
            if not told and time.monotonic() - since > TELL_AFTER_S:
                log.warning("another worker decides; this one scores, and stands by")
                self._write(None)
                told = True

    def _decide_while(self, lease: Lease) -> None:
        settings = self._settings
        decider = Decider(
            self._bus,
            snapshot_every=settings.snapshot_every,
            on_settled=EvidenceLog(settings.evidence_log).settled,
            traces=self._traces,
        )
        whole = False
        try:
            decider.restore()
            due, reporter = 0.0, Reporter(f"{socket.gethostname()}/{os.getpid()}", self._beside)
            while not self._stop.is_set():
                if not lease.held():
                    log.warning("another worker decides from now on")
                    return
                decider.step(settings.poll_s)
                self._decides.beat()
                decider.stand(self.figures.decider_lag)
                if time.monotonic() >= due:
                    self._tell(decider, self._write(decider), reporter)
                    due = time.monotonic() + STATUS_EVERY_S
            whole = True
        finally:
            # After an error the evidence may be ahead of what was published: it is folded again instead.
            decider.close(save=whole)
            self._write(decider)
            self.figures.decider = None

    def _write(self, decider: Decider | None) -> WorkerStatus:
        status = worker_status(self._judge.version, self._tagger_version, self._counts, decider)
        write_status(self._settings.status_file, status)
        self.figures.decider = None if decider is None else decider_figures(decider, status)
        return status

    def _tell(self, decider: Decider, status: WorkerStatus, reporter: Reporter) -> None:
        decider.publish(reporter.records(decider.rollouts.values(), status, time.monotonic()))

    def _beside(self) -> Beside:
        asked: Mapping[str, Asked] = getattr(self._judge, "asked", {})
        return Beside(judges_asked(asked), self.figures.scorer_lag.records, self.figures.decider_lag.records)

    @property
    def _tagger_version(self) -> str:
        version: Any = getattr(self._tagger, "version", "")
        return str(version)
