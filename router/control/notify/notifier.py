"""Sees that each notice arrives at each channel, however long that takes, and never in control's way.

What is to be sent stands in a file before it is sent, and that it was sent stands there after: a restart goes on where
it was. A kill between the two sends again, the same under the same id, by which a receiver has it once. A thread for
each channel, so that one that hangs holds up no other.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from router.control.heard import Heard
from router.control.notify.notice import Notice, notice_of
from router.control.notify.senders import Channel, NeverSent
from router.control.notify.settings import NotifySettings
from telemetry.errors import BelayError
from telemetry.events import RolloutChanged, now
from telemetry.files import write_renamed

log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 300.0
GIVE_UP: Final = timedelta(hours=24)
"""A notice that is older is no news any more."""
KEPT_DONE: Final = 1000


class Notifier:
    """Tells the channels of changes; `changed` is what control follows. `file` remembers what was sent.

    It sends nothing before `start`, and ends with the process: what was not sent is sent after the next start.
    `take_up` tells of what was changed just before a kill, and is in no file of its own.
    """

    def __init__(
        self,
        settings: NotifySettings,
        channels: Sequence[Channel],
        file: Path,
        heard: Heard,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._settings, self._file, self._heard, self._clock = settings, file, heard, clock
        self._channels = {channel.name: channel for channel in channels}
        self._queues: dict[str, queue.Queue[Notice]] = {name: queue.Queue() for name in self._channels}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._told: dict[str, None] = {}
        self._began = file.exists()
        self._restore()

    def changed(self, before: RolloutChanged | None, after: RolloutChanged) -> None:
        """Put a change into the queues, where its new status is one that people are told of."""
        same = before is not None and (before.status, before.stage) == (after.status, after.stage)
        if not same:
            self._tell(after)

    def take_up(self, standing: Iterable[RolloutChanged]) -> None:
        """Tell of the states that a process before this one reached and did not live to note.

        A file that is not there yet has no process before it: what is old news then stays so.
        """
        if not self._began:
            return
        for state in standing:
            if self._clock() - state.since < GIVE_UP:
                self._tell(state)

    def _tell(self, after: RolloutChanged) -> None:
        if after.status not in self._settings.on:
            return
        decision = self._heard.last(after.spec.rollout_id)
        notice = notice_of(after, decision, self._settings.link)
        with self._lock:
            if notice.id in self._told:
                return
            self._told[notice.id] = None
            if len(self._told) > KEPT_DONE:
                del self._told[next(iter(self._told))]
            self._write({"notice": notice.model_dump(mode="json"), "to": list(self._channels)})
        for waiting in self._queues.values():
            waiting.put(notice)

    def start(self) -> None:
        """Begin to send."""
        for name in self._channels:
            threading.Thread(target=self._send_all, args=(name,), name=f"notify {name}", daemon=True).start()

    def stop(self) -> None:
        """Send nothing new."""
        self._stop.set()

    def _send_all(self, name: str) -> None:
        while not self._stop.is_set():
            try:
                notice = self._queues[name].get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                self._deliver(name, notice)
            except Exception:
                log.exception("notice %s is not sent by %s", notice.id, name)

    def _deliver(self, name: str, notice: Notice) -> None:
        """Send until it has arrived, is refused, or is no news any more."""
        wait_s = FIRST_RETRY_S
        while not self._stop.is_set():
            try:
                self._channels[name].send(notice)
            except NeverSent as refused:
                _give_up(name, notice, refused)
                break
            except BelayError as error:
                if self._clock() - notice.time >= GIVE_UP:
                    _give_up(name, notice, error)
                    break
                log.warning("%s is told later: %s. %s", name, notice.headline, error.message)
                self._stop.wait(wait_s)
                wait_s = min(2 * wait_s, LAST_RETRY_S)
            else:
                break
        else:
            return
        with self._lock:
            self._write({"done": notice.id, "by": name})

    def _write(self, line: dict[str, object]) -> None:
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            log.warning("%s misses a line, a restart may send a notice twice or not: %s", self._file, error)

    def _restore(self) -> None:
        """Take up what was to be sent and was not, and make the file anew: of what is done with the ids alone."""
        waiting: dict[tuple[str, str], Notice] = {}
        for line in self._lines():
            try:
                entry = json.loads(line)
                if "told" in entry:
                    self._told |= dict.fromkeys(map(str, entry["told"]))
                    continue
                if "done" in entry:
                    waiting.pop((entry["done"], entry["by"]), None)
                    continue
                notice = Notice.model_validate(entry["notice"])
            except (ValueError, LookupError, TypeError):
                log.warning("%s has a line that is no notice, and it is passed over", self._file)
                continue
            self._told[notice.id] = None
            waiting |= {(notice.id, name): notice for name in entry["to"] if name in self._channels}
        self._told = dict.fromkeys(list(self._told)[-KEPT_DONE:])
        self._rewrite(waiting)
        for (_, name), notice in waiting.items():
            self._queues[name].put(notice)

    def _lines(self) -> list[str]:
        try:
            return self._file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            log.warning("what was to be told before the restart is not known: %s", error)
            return []

    def _rewrite(self, waiting: dict[tuple[str, str], Notice]) -> None:
        names: dict[str, list[str]] = {}
        for notice_id, name in waiting:
            names.setdefault(notice_id, []).append(name)
        notices = {notice.id: notice for notice in waiting.values()}
        lines = [
            json.dumps({"notice": notice.model_dump(mode="json"), "to": names[notice.id]})
            for notice in notices.values()
        ]
        lines.insert(0, json.dumps({"told": list(self._told)}))
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_renamed(self._file, "".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            log.warning("%s is not made anew: %s", self._file, error)


def _give_up(name: str, notice: Notice, error: BelayError) -> None:
    log.error("%s was never told: %s. %s", name, notice.headline, error.message)
