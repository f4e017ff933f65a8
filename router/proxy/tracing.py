"""By which names a request is found again: its `x-request-id`, and the trace that it is part of. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

REQUEST_ID: Final = b"x-request-id"
_TRACEPARENT: Final = b"traceparent"
_ID: Final = re.compile(rb"[A-Za-z0-9._~:/+=-]{1,128}")
_TRACE: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header, of which there is version 00."""


def request_id_in(headers: Mapping[bytes, bytes]) -> str | None:
    """The id that the client gave its request; None where it gave none, or one that is none.

    One that is longer than 128 characters, or has others than letters, digits and `._~:/+=-`, is none: it stands in
    logs and records, and is to be neither a text nor an address there. Such a request gets one of ours.
    """
    given = headers.get(REQUEST_ID)
    return given.decode() if given is not None and _ID.fullmatch(given) else None


def traceparent_in(headers: Mapping[bytes, bytes]) -> str | None:
    """The trace that the client says its request is part of; None where it says none, or what is none."""
    given = headers.get(_TRACEPARENT)
    return given.decode() if given is not None and _TRACE.fullmatch(given) else None
