"""Asking control over HTTP: one place for its address, the token, and what its refusals mean."""

from __future__ import annotations

import os
from typing import Any, Final

import httpx

from telemetry.errors import InfrastructureError, UsageError

TOKEN_VARIABLE: Final = "BELAY_TOKEN"  # noqa: S105 - the name of a variable, not a token

START_S: Final = 300.0
"""How long a rollout's start may take: control asks the engines of both arms who they are first."""


def ask_control(
    method: str,
    url: str,
    body: dict[str, Any] | None = None,
    *,
    token: str | None = None,
    params: dict[str, str] | None = None,
    timeout_s: float = 10.0,
) -> Any:
    """What control answers, as JSON, or the lines of it where it is a log.

    `token` None takes that of BELAY_TOKEN, where it is set.
    Raises UsageError where control refuses, InfrastructureError where it fails or does not answer.
    """
    token = token or os.environ.get(TOKEN_VARIABLE)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx.request(method, url, json=body, params=params, headers=headers, timeout=timeout_s)
    except httpx.HTTPError as error:
        raise InfrastructureError(
            f"control does not answer at {url}: {error}",
            hint="Start it with `belay up control` or `belay control --settings control.yaml`, or say where it is "
            "with --control.",
        ) from error
    if answer.is_client_error:
        raise UsageError(f"control at {url} refused: {_told(answer)}", hint=_field(answer, "hint"))
    if answer.is_error:
        raise InfrastructureError(f"control at {url} failed: {_told(answer)}", hint=_field(answer, "hint"))
    if answer.headers.get("content-type", "").startswith("application/x-ndjson"):
        return answer.text.splitlines()
    try:
        return answer.json()
    except ValueError as error:
        raise not_control(url, answer.text) from error


def not_control(url: str, sent: str) -> InfrastructureError:
    """The error of an address where something else answers."""
    return InfrastructureError(
        f"what answers at {url} sent no rollout's state: {sent[:120]!r}", hint="Is it Belay's control?"
    )


def _told(answer: httpx.Response) -> str:
    """What control said, as people read it."""
    if said := _field(answer, "error"):
        return said
    try:
        lines = [f"{'.'.join(map(str, d['loc'][1:]))}: {d['msg']}" for d in answer.json()["detail"]]
    except (ValueError, LookupError, TypeError):
        return f"{answer.status_code} {answer.text}"
    return "; ".join(lines)


def _field(answer: httpx.Response, name: str) -> str:
    try:
        return str(answer.json().get(name, ""))
    except (ValueError, AttributeError):
        return ""
