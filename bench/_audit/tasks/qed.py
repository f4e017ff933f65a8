"""Scores an answer of the task `local_qed`."""

from __future__ import annotations

import re
from typing import Any


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """1 where the answer's first line has one of the short answers in it, as whole words; else 0."""
    said = f" {_normal(results[0].strip().partition(chr(10))[0])} "
    return {"acc": float(any(f" {_normal(answer)} " in said for answer in doc["answers"]))}


def _normal(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
