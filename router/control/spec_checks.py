"""What a spec must be to become a rollout: whatever starts, every later part can live with. Pure.

A spec that control lets through is read by routers, workers and commands for months. What one of them could not live
with (weights that add up to 10, an id with a slash) is refused here, before anything is changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from router.control.windows import never_open
from telemetry.errors import TransitionRefused
from telemetry.events import RolloutSpec

SPEC_BYTES: Final = 400_000
"""A spec's size as JSON, at most. A state is one record, which brokers take up to 1 MB of: it holds the spec, and an
allotment that names each capability once more."""
MOST_CAPABILITIES: Final = 1000
MOST_STAGES: Final = 100
MOST_WINDOWS: Final = 50
MOST_WINDOW_DAYS: Final = 3650
ALPHA: Final = (1e-9, 0.5)
_ROLLOUT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_ROUTE: Final = re.compile(r"[!-~]{1,100}", re.ASCII)
_ROUTE_QUOTED: Final = 200  # of the 255 that a file's name may have
_CAPABILITY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", re.ASCII)
# Sums of n times 1/n are not exactly 1.
_ROUNDING: Final = 1e-6


class SpecRefused(TransitionRefused):
    """No rollout can have this spec, whatever its status."""


def check_spec(spec: RolloutSpec) -> None:
    """Raise SpecRefused for the first thing that a later part could not live with."""
    for check in _CHECKS:
        check(spec)


def check_kept(spec: RolloutSpec, keep_days: float | None) -> None:
    """Raise SpecRefused where the topics forget sooner than the rollout may be rolled back.

    `keep_days` is how long scores and decisions are kept, None where nobody knows.
    """
    if keep_days is not None and spec.rollback_window_days > keep_days:
        raise _refused(
            spec,
            f"rollback_window_days is {spec.rollback_window_days}, and its scores and decisions are kept for "
            f"{keep_days:g} days",
            "Give it a shorter window, or the topics a longer `keep_days` (`kafka: {topics: {keep_days: ...}}`).",
        )


def full_share(spec: RolloutSpec) -> float:
    """The share of a promoted rollout: all but the holdback, which keeps the watch alive."""
    return 1.0 - spec.holdback


def _check_id(spec: RolloutSpec) -> None:
    """It is a part of URLs, file names and Kafka's keys."""
    if not _ROLLOUT_ID.fullmatch(spec.rollout_id):
        raise _refused(
            spec,
            "its id is expected to be 1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit",
            "Paths of URLs and names of files hold it: /rollouts/ID/rollback has to reach it.",
        )


def _check_route(spec: RolloutSpec) -> None:
    """It is a model's public name, and part of a file's name."""
    if _ROUTE.fullmatch(spec.route) and len(quote(spec.route, safe="")) > _ROUTE_QUOTED:
        raise _refused(
            spec,
            f"its route is {spec.route!r}, which no file's name has room for",
            "Each character but letters, digits and `_.-~` counts three times there; give the route a shorter name.",
        )
    if not _ROUTE.fullmatch(spec.route):
        raise _refused(
            spec,
            f"its route is {spec.route[:100]!r}, expected 1 to 100 printable ASCII characters without a space",
            "It is the public name of a model that a router has a route for.",
        )


def _check_size(spec: RolloutSpec) -> None:
    size = len(spec.model_dump_json().encode())
    if size > SPEC_BYTES:
        raise _refused(
            spec,
            f"its spec is {size:,} bytes of JSON, expected at most {SPEC_BYTES:,}",
            "No broker takes a record that large. Watch fewer capabilities, or give them shorter names.",
        )


def _check_capabilities(spec: RolloutSpec) -> None:
    names = [c.name for c in spec.capabilities]
    if len(names) > MOST_CAPABILITIES:
        raise _refused(spec, f"it has {len(names):,} capabilities, expected at most {MOST_CAPABILITIES:,}")
    if unfit := [name for name in names if not _CAPABILITY.fullmatch(name)]:
        raise _refused(
            spec,
            f"a capability is named {unfit[0][:100]!r}, expected 1 to 100 of A-Z a-z 0-9 . _ - "
            "that begin with a letter, a digit or _",
        )
    if twice := _repeated(names):
        raise _refused(spec, f"capability {twice!r} stands there more than once")
    if twice := _repeated(rail.kind for rail in spec.guardrails):
        raise _refused(spec, f"guardrail {twice!r} stands there more than once")


def _check_weights(spec: RolloutSpec) -> None:
    watched = [c for c in spec.capabilities if c.watched]
    if not watched:
        raise _refused(
            spec,
            f"none of its {len(spec.capabilities)} capabilities is watched, expected at least one",
            "Nothing would ever be rolled back by itself.",
        )
    total = sum(c.weight for c in watched)
    if total <= 0.0:
        raise _refused(spec, "the watched capabilities' weights are all 0, so that no drop could count")
    if total > 1.0 + _ROUNDING:
        raise _refused(
            spec,
            f"the watched capabilities' weights add up to {total:g}, expected at most 1",
            "Weights share out alpha among the capabilities; give each of n capabilities 1/n.",
        )


def _check_stages(spec: RolloutSpec) -> None:
    shares = [stage.share for stage in spec.stages]
    if not 1 <= len(shares) <= MOST_STAGES:
        raise _refused(spec, f"it has {len(shares) or 'no'} stages, expected 1 to {MOST_STAGES}")
    if any(a >= b for a, b in pairwise(shares)):
        raise _refused(spec, f"shares of stages must grow, they are {shares}")
    if shares[0] == 0.0:
        _check_shadow_stage(spec)
    if shares[-1] >= full_share(spec):
        raise _refused(
            spec,
            f"the last stage's share {shares[-1]} leaves nothing to promote it to, "
            f"which is {full_share(spec):g} with the holdback of {spec.holdback}",
            "Leave that stage out, or give it a smaller share: the full rollout is the step after the last stage.",
        )


def _check_shadow_stage(spec: RolloutSpec) -> None:
    if spec.shadow <= 0.0:
        raise _refused(
            spec,
            "its first stage has share 0 and `shadow` is 0, so that the candidate would answer nothing",
            "Shadow some of the prompts (`shadow: 0.1`), or begin with a share above 0.",
        )
    if len(spec.stages) == 1:
        raise _refused(
            spec,
            "its only stage has share 0, after which all subjects would get the candidate at once",
            "Name at least one stage with a share after the one in shadow.",
        )


def _check_limits(spec: RolloutSpec) -> None:
    least, most = ALPHA
    for name, alpha in (("alpha", spec.alpha), ("alpha_promote", spec.alpha_promote)):
        if not least <= alpha <= most:
            raise _refused(spec, f"{name} is {alpha:g}, expected {least:g} to {most:g}")
    if not 1 <= spec.rollback_window_days <= MOST_WINDOW_DAYS:
        raise _refused(
            spec, f"rollback_window_days is {spec.rollback_window_days}, expected 1 to {MOST_WINDOW_DAYS}"
        )


def _check_windows(spec: RolloutSpec) -> None:
    if len(spec.windows) > MOST_WINDOWS:
        raise _refused(spec, f"it has {len(spec.windows)} windows, expected at most {MOST_WINDOWS}")
    for window in spec.windows:
        try:
            ZoneInfo(window.zone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise _refused(
                spec,
                f"window: no time zone {window.zone!r} is known here, expected one such as Europe/Berlin",
            ) from None
    if never_open(spec.windows):
        raise _refused(
            spec, "its windows leave no time of the week to promote in", "Leave a gap, or `advance: manual`."
        )


def _check_audit(spec: RolloutSpec) -> None:
    audit = spec.audit
    if audit.verdict != "pass" and not (audit.override_by and audit.override_reason):
        raise _refused(
            spec,
            f"its audit's verdict is {audit.verdict!r}, expected 'pass'",
            "A named override with its reason (override_by, override_reason) is possible, and recorded.",
        )


_CHECKS: Final[tuple[Callable[[RolloutSpec], None], ...]] = (
    _check_id, _check_route, _check_size, _check_capabilities, _check_weights, _check_stages, _check_windows,
    _check_limits, _check_audit,
)  # fmt: skip


def _repeated(names: Iterable[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _refused(spec: RolloutSpec, why: str, hint: str = "") -> SpecRefused:
    return SpecRefused(f"Start of {spec.rollout_id[:100]!r}: {why}", hint=hint)
