"""The path of a rollout's evidence, thinned, in memory and as JSON lines on control's disk.

Kafka keeps the latest report of each rollout (`belay.watch` is compacted), so whoever wants the path has to write it
down. A path has at most `MOST` points however long the rollout runs: when there are as many, every second one goes, and
those that follow come half as often. Points where the rollout's state changed go last.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from telemetry.events import Status, Value
from telemetry.files import write_renamed

log = logging.getLogger(__name__)

MOST: Final = 480
FIRST_EVERY_S: Final = 1.0
CURVES: Final = 24
"""Capabilities of one point, those with the most evidence."""
LARGEST: Final = 1e12
"""What is drawn of an evidence value: beyond that the test is over, and infinity is no JSON."""
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class Step(Value):
    """A change of the rollout's state: who made it and why."""

    revision: int
    status: Status
    stage: int
    actor: str
    reason: str


class Point(Value):
    """What was known at the moment `at` (seconds since the epoch).

    `evidence` has each watched capability's part of M (its weight times its e-value), `combined` is M itself, `traffic`
    how many prompts were of what until then, "" for none. With `step` the point is a change of the state.
    """

    at: float
    settled: int
    share: float
    combined: float
    evidence: dict[str, float]
    traffic: dict[str, int] = Field(default_factory=dict, exclude_if=lambda traffic: not traffic)
    step: Step | None = None


def drawn(value: float) -> float:
    """An evidence value as it is kept: finite, four digits."""
    return float(f"{min(value, LARGEST):.4g}")


def thinned(points: Sequence[Point]) -> list[Point]:
    """Half of the points, the first and the last among them: of two neighbours the one with a step stays."""
    if len(points) < 3:
        return list(points)
    inner = points[1:-1]
    pairs = [inner[start : start + 2] for start in range(0, len(inner), 2)]
    return [points[0], *(_more_telling(pair) for pair in pairs), points[-1]]


def _more_telling(pair: Sequence[Point]) -> Point:
    return next((point for point in pair if point.step is not None), pair[-1])


class History:
    """The points of one rollout; `file` None keeps them in memory alone. Used under the view's lock.

    `latest` is always there, also where the next point to be kept is not due yet.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kept: list[Point] = [] if file is None else _read(file)
        self.latest: Point | None = self._kept[-1] if self._kept else None
        self._every_s = max(FIRST_EVERY_S, self._spacing())

    @property
    def points(self) -> list[Point]:
        """The points that are kept and the latest one."""
        last = self.latest
        if last is None or (self._kept and self._kept[-1] is last):
            return list(self._kept)
        return [*self._kept, last]

    @property
    def revision(self) -> int:
        """The newest revision that is a point; 0 where there is none."""
        return max((point.step.revision for point in self._kept if point.step is not None), default=0)

    def add(self, point: Point) -> bool:
        """Take in a point; False where it is known: whoever reads a topic again tells the past once more."""
        last = self.latest
        if point.step is not None:
            if point.step.revision <= self.revision:
                return False
            if last is not None and point.at < last.at:
                point = point.model_copy(update={"at": last.at})
        elif last is not None and point.at <= last.at:
            return False
        self.latest = point
        kept = self._kept[-1] if self._kept else None
        if kept is None or point.step is not None or point.at - kept.at >= self._every_s:
            self._keep(point)
        return True

    def _keep(self, point: Point) -> None:
        self._kept.append(point)
        if len(self._kept) >= MOST:
            self._kept = thinned(self._kept)
            self._every_s = max(2 * self._every_s, self._spacing())
            self._write(whole=True)
        else:
            self._write(whole=False)

    def _spacing(self) -> float:
        """The time between points at which a path of this length fills half of what there is room for."""
        return 2 * (self._kept[-1].at - self._kept[0].at) / MOST if self._kept else 0.0

    def _write(self, *, whole: bool) -> None:
        if self._file is None:
            return
        try:
            if whole:
                write_renamed(self._file, "".join(map(_line, self._kept)).encode())
                return
            with self._file.open("a", encoding="utf-8") as file:
                file.write(_line(self._kept[-1]))
        except OSError as error:
            # What is drawn may have a gap after a restart; nothing rests on it.
            log.warning("the path of the evidence is not written to %s: %s", self._file, error.strerror)


def _line(point: Point) -> str:
    return point.model_dump_json(exclude_none=True) + "\n"


def _read(file: Path) -> list[Point]:
    """The points of a file, in order of time; what cannot be read (a line that a kill cut off) is left out."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: list[Point] = []
    for line in lines:
        try:
            point = Point.model_validate_json(line)
        except ValidationError:
            continue
        if not found or point.at >= found[-1].at:
            found.append(point)
    # The next line must begin a line of its own, and a file that somebody made longer is as long as ours.
    while len(found) >= MOST:
        found = thinned(found)
    if len(found) != len(lines) or not _ends_a_line(file):
        try:
            write_renamed(file, "".join(map(_line, found)).encode())
        except OSError as error:
            log.warning("%s stays as it is: %s", file, error.strerror)
    return found


def _ends_a_line(file: Path) -> bool:
    try:
        with file.open("rb") as content:
            if content.seek(0, os.SEEK_END) == 0:
                return True
            content.seek(-1, os.SEEK_END)
            return content.read(1) == b"\n"
    except OSError:
        return True


Histories = Callable[[str], History]
"""Where the history of a rollout comes from, by its id."""


class Folder:
    """Histories as files of one folder, one a rollout, the newest `most` of them."""

    def __init__(self, folder: Path, most: int = 100) -> None:
        self._folder, self._most = folder, most

    def __call__(self, rollout_id: str) -> History:
        """The history of a rollout, with what its file holds already."""
        # Ids are checked before a rollout starts (`spec_checks`); what a topic says may be anything.
        if not _FILE_NAME.fullmatch(rollout_id):
            return History()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._forget_the_oldest()
        except OSError as error:
            log.warning("paths of evidence are not kept in %s: %s", self._folder, error.strerror)
            return History()
        return History(self._folder / f"{rollout_id}.jsonl")

    def _forget_the_oldest(self) -> None:
        files = sorted(self._folder.glob("*.jsonl"), key=lambda file: file.stat().st_mtime)
        for file in files[: max(0, len(files) - self._most + 1)]:
            file.unlink(missing_ok=True)
