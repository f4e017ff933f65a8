"""How a process logs: one line a record to standard error, for people or as JSON, through structlog and logging alike.

`BELAY_LOG` is `plain` (the default) or `json`, `BELAY_LOG_LEVEL` the least level that is shown. Modules and libraries
go on with `logging.getLogger(__name__)`; `structlog.get_logger(__name__)` takes the same way and adds keys.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

import structlog
from structlog.processors import ExceptionRenderer, StackInfoRenderer, TimeStamper, format_exc_info
from structlog.stdlib import (
    PositionalArgumentsFormatter,
    ProcessorFormatter,
    add_log_level,
    add_logger_name,
    filter_by_level,
)
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor

from telemetry.errors import SettingsError
from telemetry.log_fields import fields_now
from telemetry.mistakes import did_you_mean
from telemetry.privacy import without_secrets

FORM: Final = "BELAY_LOG"
LEVEL: Final = "BELAY_LOG_LEVEL"
FORMS: Final = ("plain", "json")
LEVELS: Final = ("debug", "info", "warning", "error", "critical")
CHATTY: Final = "kafka"
OURS: Final = ("telemetry", "serving", "router", "evaluator", "trainer", "belay")
"""Packages whose modules speak below info too."""

_HANDLER: Final = "belay"
_HIDDEN: Final = "[secret]"
# A key of one of these names holds a secret whatever it looks like; `tokens`, a count, is none.
_SECRET_KEY: Final = re.compile(
    r"(?i)(?:^|[_.-])(?:password|passwd|secret|token|credentials?|authorization|api[_-]?key|private[_-]?key)$"
)
_USERINFO: Final = re.compile(r"(?<=://)[^\s/@]{1,200}(?=@)")
# uvicorn says its message a second time, in colours.
_NO_EXTRA: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"}
_BARE: Final = re.compile(r"[^\s\"'=]+")

log = logging.getLogger(__name__)


def log_to_stderr() -> None:
    """Log what the process says of itself to standard error, errors that nobody caught and Python's warnings included.

    Raises SettingsError where `BELAY_LOG` or `BELAY_LOG_LEVEL` is none of the known words.
    """
    form, level = _one_of(FORM, FORMS, "plain"), _one_of(LEVEL, LEVELS, "info")
    structlog.configure(
        processors=[
            filter_by_level,
            PositionalArgumentsFormatter(),
            StackInfoRenderer(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_HANDLER)
    handler.setFormatter(ProcessorFormatter(processors=_processors(form)))
    _install(handler, logging.getLevelNamesMapping()[level.upper()])
    logging.captureWarnings(True)
    sys.excepthook, threading.excepthook = _uncaught, _uncaught_in_a_thread


def _one_of(variable: str, known: tuple[str, ...], default: str) -> str:
    """The word that a variable holds; an empty one sets nothing."""
    given = os.environ.get(variable) or default
    word = given.strip().lower()
    if word not in known:
        expected = f"{', '.join(known[:-1])} or {known[-1]}"
        raise SettingsError(f"{variable}: expected {expected}, found {given!r}{did_you_mean(word, known)}")
    return word


def _install(handler: logging.Handler, level: int) -> None:
    """The handler in the place of an earlier one of ours; what others installed stays."""
    root = logging.getLogger()
    for other in [found for found in root.handlers if found.name == _HANDLER]:
        root.removeHandler(other)
    root.addHandler(handler)
    # Below info libraries are left out: kafka-python would write every record, with what users said in it.
    root.setLevel(max(level, logging.INFO))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    # At info it tells each connection in a dozen lines, among which nobody finds ours.
    logging.getLogger(CHATTY).setLevel(logging.INFO if level < logging.INFO else max(level, logging.WARNING))


def _processors(form: str) -> list[Processor]:
    """From a record, structlog's or logging's, to its line."""
    as_json = form == "json"
    # Without locals: a frame's variables may hold a key.
    trace = ExceptionRenderer(ExceptionDictTransformer(show_locals=False)) if as_json else format_exc_info
    return [
        _with_extra,
        add_log_level,
        add_logger_name,
        TimeStamper(fmt="iso", utc=True, key="ts"),
        trace,
        ProcessorFormatter.remove_processors_meta,
        _shown,
        _as_json if as_json else _as_text,
    ]


def _with_extra(_: Any, __: str, event: EventDict) -> EventDict:
    """With what a caller of `logging` gave as `extra`, and what the line is about; they replace nothing."""
    record = event["_record"]
    if not event["_from_structlog"]:
        for name, value in vars(record).items():
            if name not in _NO_EXTRA:
                event.setdefault(name, value)
    for name, value in fields_now().items():
        event.setdefault(name, value)
    if "stack_info" in event:
        event["stack"] = event.pop("stack_info")
    return event


def _shown(_: Any, __: str, event: EventDict) -> EventDict:
    """Nothing but what JSON knows, and no secret in it."""
    shown: EventDict = _plain_values(event)
    return shown


def _plain_values(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(_USERINFO.sub(_HIDDEN, value))
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return {
            _plain_values(str(key)): _HIDDEN if _SECRET_KEY.search(str(key)) else _plain_values(member)
            for key, member in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain_values(member) for member in value]
    return _plain_values(str(value) if isinstance(value, Exception) else repr(value))


def _as_json(_: Any, __: str, event: EventDict) -> str:
    """One JSON object, ASCII alone, so that no reader finds a line's end within it."""
    first = {name: event.pop(name) for name in ("ts", "level", "logger", "event") if name in event}
    return json.dumps({**first, **event})


def _as_text(_: Any, __: str, event: EventDict) -> str:
    """Time, level, who, what, and `key=value`; the lines of a trace stand below, indented."""
    below = [line for name in ("stack", "exception") for line in str(event.pop(name, "")).splitlines()]
    head = (
        f"{event.pop('ts')} {event.pop('level').upper():<8} {event.pop('logger')}: {event.pop('event', '')}"
    )
    line = " ".join([head, *(f"{name}={_quoted(value)}" for name, value in event.items())])
    return "\n".join([_on_one_line(line), *(f"    {_on_one_line(one)}" for one in below)])


def _quoted(value: Any) -> str:
    return value if isinstance(value, str) and _BARE.fullmatch(value) else repr(value)


def _on_one_line(text: str) -> str:
    """The text with escapes for what ends a line, moves a cursor or turns the direction of writing."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("the process ends by an error that nobody caught", exc_info=(kind, error, trace))


def _uncaught_in_a_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or not issubclass(args.exc_type, Exception):
        threading.__excepthook__(args)
        return
    name = args.thread.name if args.thread is not None else "?"
    found = (args.exc_type, args.exc_value, args.exc_traceback)
    log.critical("thread %s ends by an error that nobody caught", name, exc_info=found)
