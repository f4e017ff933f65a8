"""What `belay review` does: answers to grade, one after another or as a file, and what the grades say of the judges."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from rich.console import Console
from rich.text import Text

from evaluator.judge.judges.fence import defused
from evaluator.judge.reviewing.cases import Drawing, ReviewCase, in_order
from evaluator.judge.reviewing.corrections import Corrections
from evaluator.judge.reviewing.files import exported, grades_from, read_lines
from evaluator.judge.reviewing.grades import SCALE, Typed, graded, graded_by, typed_grade
from evaluator.judge.reviewing.log import cases_by_id, cases_in, grades_of, rollout_named, scores_of
from evaluator.watch.planning.graded import GradedJudges, judges_graded
from telemetry import codec
from telemetry.bus.protocols import Bus, Publisher
from telemetry.errors import UsageError
from telemetry.events import AnswerGraded, RolloutSpec
from telemetry.files import write_renamed
from telemetry.reading import Unreadable

TURNS: Final = 6
"""Messages of a conversation that are shown, the last ones; a file has them all."""
NOTE: Final = 500
"""The longest note that an event takes (`events.AnswerGraded`)."""

Read = Callable[[str], str]
"""Asks and returns a line; EOFError or KeyboardInterrupt where nobody answers any more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose grades, of which rollout (None: the live one), of which of its answers, and of how many at most."""

    grader: str
    rollout_id: str | None = None
    drawing: Drawing = field(default_factory=Drawing)
    most: int | None = None


@dataclass(slots=True)
class Summary:
    """What came of a review: answers graded and skipped now, those left, and why others were not shown."""

    rollout_id: str
    grader: str
    graded: int = 0
    skipped: int = 0
    left: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)

    def told(self) -> str:
        """In a line."""
        parts = [f"{self.graded} graded", f"{self.skipped} skipped", f"{self.left} left"]
        if self.passed_over:
            why = ", ".join(f"{n} {reason}" for reason, n in sorted(self.passed_over.items()))
            parts.append(f"interactions not shown: {why}")
        return f"Rollout {self.rollout_id}: {'; '.join(parts)}."


def review(bus: Bus, asked: Asked, console: Console, read: Read) -> Summary:
    """Show answer after answer and publish each grade at once. Ends when all are graded, or at `q`."""
    with _telling(console) as unreadable:
        spec, cases, summary, corrections = _to_grade(bus, asked, unreadable)
    began = time.monotonic()
    with bus.publisher() as publisher:
        for number, case in enumerate(cases):
            _show(case, console, _progress(number, len(cases), time.monotonic() - began))
            typed = _typed(console, read)
            if typed == "quit":
                break
            if typed == "skip":
                summary.skipped += 1
                continue
            event = graded(case, typed, grader=asked.grader, rollout_id=spec.rollout_id)
            _send(publisher, event, corrections)
            publisher.flush()
            summary.graded += 1
    summary.left = len(cases) - summary.graded
    return summary


def export(bus: Bus, asked: Asked, path: Path, console: Console) -> Summary:
    """Write the cases to a file for people to grade elsewhere."""
    with _telling(console) as unreadable:
        _, cases, summary, _ = _to_grade(bus, asked, unreadable)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_renamed(path, exported(cases).encode("utf-8", "replace"))
    summary.left = len(cases)
    return summary


def take_in(bus: Bus, asked: Asked, path: Path, console: Console) -> Summary:
    """Publish the grades of a file. Raises UsageError, with the line, before anything is published."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: {error}") from error
    lines = read_lines(text, str(path))
    wanted = {line.case for line in lines}
    with _telling(console) as unreadable:
        spec = rollout_named(bus, asked.rollout_id, unreadable).spec
        scores = scores_of(bus, spec.rollout_id, unreadable)
        cases = cases_by_id(bus, scores, spec.rollout_id, lambda case: case.id in wanted, unreadable)
        bus.ensure_topics()
        corrections = Corrections(scores, grades_of(bus, spec.rollout_id, unreadable), asked.grader)
    events = grades_from(lines, cases, str(path), grader=asked.grader, rollout_id=spec.rollout_id)
    with bus.publisher() as publisher:
        for event in events:
            _send(publisher, event, corrections)
        publisher.flush()
    return Summary(spec.rollout_id, asked.grader, graded=len(events))


def report(bus: Bus, rollout_id: str | None, console: Console) -> tuple[RolloutSpec, GradedJudges]:
    """What all grades of a rollout say of its judges."""
    with _telling(console) as unreadable:
        spec = rollout_named(bus, rollout_id, unreadable).spec
        grades = grades_of(bus, spec.rollout_id, unreadable)
        return spec, judges_graded(spec, grades, scores_of(bus, spec.rollout_id, unreadable))


def report_lines(spec: RolloutSpec, found: GradedJudges) -> list[str]:
    """The report as people read it: a block for each capability and what its scores rest on."""
    graders = ", ".join(found.graders) or "nobody"
    lines = [f"Rollout {spec.rollout_id}: {found.grades} grades by {graders}."]
    tolerated = {c.name: c.threshold if c.tolerated is None else c.tolerated for c in spec.capabilities}
    for one in found.judges:
        lines.append(f"{one.capability}, {one.basis}: {one.answers} graded, agreement {one.agreement:.0%}")
        for arm, own in (("control", one.control), ("candidate", one.candidate)):
            if own.mean_grade is not None and own.mean_error is not None:
                lines.append(
                    f"  {arm}: {own.n}, mean grade {own.mean_grade:.2f}, judged {own.mean_error:+.2f}"
                )
        if one.calibration is not None:
            c = one.calibration
            lines.append(
                f"  {c.labels} pairs: adds up to {c.shift_high:.2f} to a drop, hides up to {c.hidden_high:.2f}"
            )
        if one.error is not None:
            e = one.error
            lines.append(
                f"  good or bad: sensitivity {e.sensitivity.low:.2f} to {e.sensitivity.high:.2f}, specificity "
                f"{e.specificity.low:.2f} to {e.specificity.high:.2f}, may favour an arm by {e.shift:.2f}"
            )
        own_threshold = tolerated.get(one.capability)
        terms = None if own_threshold is None else one.terms(own_threshold)
        if terms is None or own_threshold is None:
            lines.append("  no threshold follows: it takes pairs of which both answers are graded")
        else:
            moved = f"  threshold {100 * own_threshold:.3g} points, judged {100 * terms.threshold:.3g}"
            lines.append(moved if terms.unwatched is None else f"{moved}; {terms.unwatched}")
    if found.passed_over:
        lines.append("left out: " + ", ".join(f"{n} {why}" for why, n in sorted(found.passed_over.items())))
    return lines


def _to_grade(
    bus: Bus, asked: Asked, unreadable: Unreadable
) -> tuple[RolloutSpec, list[ReviewCase], Summary, Corrections]:
    """The cases that this person has not graded yet, in order, and what follows from grades of both answers."""
    spec = rollout_named(bus, asked.rollout_id, unreadable).spec
    rollout = spec.rollout_id
    grades = grades_of(bus, rollout, unreadable)
    known = graded_by(grades, asked.grader)
    scores = scores_of(bus, rollout, unreadable)
    found = cases_in(bus, scores, rollout, asked.drawing, unreadable)
    cases = in_order(case for case in found.cases if case.id not in known)[: asked.most]
    summary = Summary(rollout, asked.grader, passed_over=dict(found.passed_over))
    return spec, cases, summary, Corrections(scores, grades, asked.grader)


def _send(publisher: Publisher, grade: AnswerGraded, corrections: Corrections) -> None:
    """A grade, and behind it what it completes for the evidence."""
    publisher.send(codec.encode(grade))
    completed = corrections.after(grade)
    if completed is not None:
        publisher.send(codec.encode(completed))


def _typed(console: Console, read: Read) -> Typed | Literal["skip", "quit"]:
    """A grade, or what else to do; asked again until it is one."""
    while True:
        try:
            line = read("grade 1-5, s skip, q quit: ").strip()
        except (EOFError, KeyboardInterrupt):
            return "quit"
        if line.lower() in ("q", "s"):
            return "quit" if line.lower() == "q" else "skip"
        try:
            typed = typed_grade(line)
        except UsageError:
            console.print(f"That is no grade: {SCALE}; a note may follow it.", markup=False)
            continue
        if len(typed.note) <= NOTE:
            return typed
        console.print(f"The note has {len(typed.note)} characters, {NOTE} are kept; nothing was recorded.")


def _show(case: ReviewCase, console: Console, progress: str) -> None:
    console.rule(f"{progress}, {defused(case.capability)}")
    earlier = len(case.messages) - TURNS
    if earlier > 0:
        console.print(f"({earlier} earlier)", style="dim")
    for message in case.messages[-TURNS:]:
        console.print(Text.assemble((f"{_shown(message.role)}: ", "bold"), _shown(message.content)))
    console.rule("the answer", style="dim")
    console.print(Text(_shown(case.answer)))
    console.rule(style="dim")


def _shown(text: str) -> str:
    """A text of users or models, unable to move the terminal's cursor or to hide anything."""
    return defused(text.replace("\r\n", "\n")).replace("\r", "<U+000D>")


def _progress(done: int, total: int, seconds: float) -> str:
    if not done:
        return f"{done + 1} of {total}"
    return f"{done + 1} of {total}, {timedelta(seconds=round(seconds / done * (total - done)))} left"


@contextmanager
def _telling(console: Console) -> Iterator[Unreadable]:
    """What cannot be read is said, also where nothing was found: it may have been in there."""
    unreadable = Unreadable()
    try:
        yield unreadable
    finally:
        for line in unreadable.told():
            console.print(line, markup=False)
