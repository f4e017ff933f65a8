"""Control's process: the API in front, the loop over the bus behind it. `run_control(settings)`."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from functools import cache, partial

from router.control.actor import Control
from router.control.answers import Answers
from router.control.api import NO_FORMS, Forms, create_app
from router.control.attesting import Attesting
from router.control.audit_log import AuditLog
from router.control.board.board import Board
from router.control.board.feed import feed
from router.control.desk import Desk
from router.control.gate import Gate, check_address
from router.control.health import Pulse
from router.control.loop import control_loop, without_a_bus
from router.control.metrics import ControlMetrics
from router.control.notify.notifier import Notifier
from router.control.notify.senders import channels_of
from router.control.review_api import Find, Reviewing
from router.control.settings import ControlSettings
from router.control.tokens import Tokens
from router.control.tracing import ChangeTraces
from serving.server import listen, serve
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.bus.protocols import Bus
from telemetry.errors import SettingsError
from telemetry.metrics_address import metrics_served
from telemetry.rollout_file import writer_of
from telemetry.tracing.export import traces_asked

log = logging.getLogger(__name__)

_SHUTDOWN_S = 2.0
_LOOP_END_S = 5.0
_ASKING_S = 600.0
"""What asking all models who they are may take."""

__all__ = ["Control", "control_loop", "create_app", "run_control"]


def run_control(
    settings: ControlSettings,
    reviewing: Callable[[Bus, Find], Reviewing] | None = None,
    forms: Forms = NO_FORMS,
) -> None:
    """Serve until SIGTERM or SIGINT; needs no broker to start.

    `reviewing` makes whoever shows people answers to grade; `forms` plan and draft.
    Raises PortTaken, SettingsError, and RolloutFileTaken where another process writes the rollout file.
    """
    check_address(settings.host, settings.access)
    bus = _bus(settings)
    if settings.access is None:
        log.warning(
            "nobody signs in: anybody on this machine may start, promote and roll back (see `access`)"
        )
    with (
        closing(listen(settings.host, settings.port)) as listener,
        writer_of(settings.rollout_file, f"the control at {settings.host}:{settings.port}"),
    ):
        _make_folder(settings)
        if settings.models_folder is None:
            log.warning(
                "no models_folder: nothing keeps the models of a rollout from being replaced or removed"
            )
        control = Control(
            settings.rollout_file,
            settings.folder / "control.jsonl",
            models=settings.models_folder,
            keep_days=settings.kafka.topics.keep_days if bus is not None else None,
        )
        audit = AuditLog(settings.folder / "audit.jsonl")
        control.followers.append(audit.changed)
        channels = channels_of(settings.notify)
        notifier = Notifier(settings.notify, channels, settings.folder / "notices.jsonl", control.heard)
        control.followers.append(notifier.changed)
        notifier.take_up(control.standing)
        notifier.start()
        with closing(traces_asked("belay-control")) as traces:
            changes = ChangeTraces(traces)
            control.followers.append(changes.changed)
            _serve(settings, control, bus, audit, changes, listener, reviewing, forms)


def _serve(
    settings: ControlSettings,
    control: Control,
    bus: Bus | None,
    audit: AuditLog,
    changes: ChangeTraces,
    listener: socket.socket,
    reviewing: Callable[[Bus, Find], Reviewing] | None,
    forms: Forms,
) -> None:
    stop = threading.Event()
    pulses = [Pulse("control-loop")]
    loop = _thread(pulses[0], partial(_listen_to, control, bus, stop, pulses[0], audit, changes))
    if settings.models_folder is not None:
        pulses.append(Pulse("attesting", 2 * settings.attest_every_s + _ASKING_S))
        attesting = Attesting(
            control, settings.models_folder, pulse=pulses[1], arms=settings.arms, policy=settings.attestation
        )
        control.before_start.append(attesting.require)
        _thread(pulses[1], partial(attesting.run, settings.attest_every_s, stop))
    board = Board(control, bus, settings.folder, settings.models_folder)
    # Its pulse is none of those that health rests on: a page is no reason to restart what rolls back.
    feeding = Pulse("board")
    _thread(feeding, partial(feed, board.view, bus, stop, feeding))
    log.info("control listens on %s:%d", *listener.getsockname()[:2])
    desk = Desk(control, Answers(settings.folder / "control-answers.jsonl"), audit)
    gate = Gate(settings.access, lambda who, what, error: audit.refused(who, what, error.message))
    metrics = ControlMetrics(control, [*pulses, feeding], _tokens(settings))
    control.followers.append(metrics.changed)
    try:
        reviews = cache(lambda: None if bus is None or reviewing is None else reviewing(bus, board.find))
        app = gate.before(create_app(control, pulses, desk, audit, board, reviews, forms))
        with metrics_served(settings, metrics):
            serve(app, listener, _SHUTDOWN_S, ending=board.end, tls=settings.tls)
    finally:
        stop.set()
        loop.join(_LOOP_END_S)


def _tokens(settings: ControlSettings) -> Tokens | None:
    file = settings.access.tokens if settings.access is not None else None
    return None if file is None else Tokens(file)


def _bus(settings: ControlSettings) -> Bus | None:
    if settings.bootstrap_servers is None:
        return None
    given = settings.kafka.model_dump(exclude_unset=True)
    return KafkaBus(BusSettings.model_validate({"bootstrap_servers": settings.bootstrap_servers, **given}))


def _thread(pulse: Pulse, work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=pulse.guarded(work), name=pulse.name, daemon=True)
    thread.start()
    return thread


def _listen_to(
    control: Control,
    bus: Bus | None,
    stop: threading.Event,
    pulse: Pulse,
    audit: AuditLog,
    changes: ChangeTraces,
) -> None:
    if bus is None:
        log.warning("no bootstrap_servers: decisions are not read, this control serves people only")
        without_a_bus(control, stop, pulse)
        return
    control_loop(control, bus, stop, pulse, audit, changes)


def _make_folder(settings: ControlSettings) -> None:
    try:
        settings.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"the run folder {settings.folder} cannot be used: {error.strerror}") from error
