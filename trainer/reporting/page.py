"""The training's report: one page that opens offline, with its pictures in it. Importing this loads matplotlib."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from trainer.loop.resume import LoggedStep
from trainer.reporting.watch_plot import draw_front, draw_watch
from trainer.scoring.checkpoints import RULE, eligible, front
from trainer.scoring.records import Record
from trainer.watching.watch_log import Row


def write_page(
    folder: Path,
    name: str,
    base_sha256: str,
    settings: dict[str, Any],
    record: Record,
    steps: Sequence[LoggedStep],
    watched: Sequence[Row],
) -> None:
    """Write `training.html` and `watch.png` into `folder`. The same training gives the same bytes: no clock in it."""
    picture = draw_watch(steps, watched) if watched else b""
    if picture:
        (folder / "watch.png").write_bytes(picture)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    evaluations = record.evaluations
    most_kl = (settings.get("checkpoints") or {}).get("most_kl")
    page = environment.get_template("training.html.j2").render(
        name=name,
        base=base_sha256,
        record=record,
        rule=RULE,
        steps=steps,
        watched=bool(watched),
        watch_png=_text(picture),
        front_png=_text(draw_front(evaluations, most_kl)) if evaluations else "",
        most_kl=most_kl,
        on_front={e.step for e in front(eligible(evaluations, most_kl))},
        chosen=next((e for e in evaluations if e.step == record.checkpoint), None),
        prune=settings.get("merge", {}).get("prune"),
        settings=yaml.safe_dump(settings, sort_keys=False),
    )
    (folder / "training.html").write_text(page, encoding="utf-8")


def _text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _percent(value: float | None) -> str:
    return "cannot tell" if value is None else f"{100 * value:.0f}%"
