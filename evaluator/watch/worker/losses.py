"""What may have happened to the scores between two looks at their topic, and what is then said of it."""

from __future__ import annotations

from typing import Final

from telemetry.topics import SCORES

_THEN: Final = "Roll back, or start another rollout"


def loss(begins: int, first: int, end: int, had: str | None, found: str | None) -> str | None:
    """Why a rollout whose next score is the one at offset `begins` cannot go on; None where it can.

    The topic holds the offsets from `first` to before `end`; its id was `had` when the rollout's snapshot was taken
    and is `found` now, None where a broker names none.
    """
    if had is not None and found is not None and had != found:
        return (
            f"{SCORES} is another topic (id {found}) than the one whose scores were folded (id {had}): what was in "
            f"that one and not yet folded is gone. {_THEN}"
        )
    if begins > end:
        return began_anew(begins, end)
    if 0 < begins < first:
        return (
            f"{SCORES} keeps nothing before offset {first}, and its scores from {begins} on were not folded: this "
            f"watch stood still for longer than the topic keeps them. {_THEN}"
        )
    return None


def began_anew(read_to: int, now: int) -> str:
    """What is said of offsets that went back."""
    return (
        f"{SCORES} began anew: it was read up to offset {read_to} and is at {now}; what this rollout's scores were is "
        f"gone. {_THEN}"
    )
