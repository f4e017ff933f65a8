"""What people type, read as what a brief needs. Each raises ValueError that says what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evaluator.map.drafting.draft import BENCHMARK
from telemetry.mistakes import did_you_mean


def line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())


def optional_line(text: str) -> str | None:
    """Text, or nothing."""
    return line(text) or None


def name(text: str) -> str:
    """A capability's name; spaces and capitals are forgiven."""
    found = re.sub(r"[\s-]+", "_", text.strip().lower())
    if not re.fullmatch(r"[a-z][a-z0-9_]*", found):
        raise ValueError(f"{text!r} is no name: small letters, digits and _, a letter first")
    return found


def optional_name(text: str) -> str | None:
    """A capability's name, or nothing."""
    return name(text) if text.strip() else None


def yes(text: str) -> bool:
    """Whether it is y, or n."""
    if text.strip().lower() in ("y", "yes", "n", "no"):
        return text.strip().lower().startswith("y")
    raise ValueError(f"{text!r} is neither y nor n")


def fraction(text: str) -> float:
    """A fraction from `55%`, `0.55` or `.55`.

    >>> fraction("55 %"), fraction(".07")
    (0.55, 0.07)
    """
    match = re.fullmatch(r"(\d*\.?\d+)\s*(%?)", text.strip())
    if match is None or not 0.0 < (value := float(match[1]) / (100 if match[2] else 1)) < 1.0:
        raise ValueError(f"{text!r} is no share: write 55% or 0.55")
    return round(value, 6)


def optional_fraction(text: str) -> float | None:
    """A fraction, or nothing."""
    return fraction(text) if text.strip() else None


def points(text: str) -> float:
    """A threshold from `5`, `5 points`, `5%` or `0.05`.

    >>> points("5"), points("0.05"), points("2.5 points")
    (0.05, 0.05, 0.025)
    """
    match = re.fullmatch(r"(\d*\.?\d+)\s*(%|points?)?", text.strip())
    value = float(match[1]) if match else 0.0
    value = value / 100 if match and (match[2] or value >= 1.0) else value
    if not 0.0 < value < 1.0:
        raise ValueError(f"{text!r} is no threshold: write points of a hundred, such as 5")
    return round(value, 6)


def chance(text: str) -> float:
    """A fraction, 0 among them."""
    return 0.0 if text.strip() in ("0", "0%") else fraction(text)


def _words(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def labels(text: str) -> list[str]:
    """Two labels or more."""
    found = _words(text)
    if len(found) < 2:
        raise ValueError(f"{text!r}: two labels at least, separated by commas")
    return found


def tasks(text: str) -> list[dict[str, Any]] | None:
    """lm-eval tasks with the usual threshold, or nothing."""
    return [{"lm_eval": task, "threshold": BENCHMARK} for task in _words(text)] or None


def url(text: str) -> str:
    """An http or https URL."""
    if not re.fullmatch(r"https?://\S+", text.strip()):
        raise ValueError(f"{text!r} is no URL: http://host:port")
    return text.strip()


def one_of(choices: Mapping[str, str]) -> Callable[[str], str]:
    """Reads one of the choices."""

    def read(text: str) -> str:
        if text.strip() not in choices:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}{did_you_mean(text.strip(), choices)}")
        return text.strip()

    return read


def optional_one_of(choices: Sequence[str]) -> Callable[[str], str | None]:
    """Reads one of the choices, or nothing."""
    chosen = one_of(dict.fromkeys(choices, ""))
    return lambda text: chosen(text) if text.strip() else None
