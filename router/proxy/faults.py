"""Whether a candidate's answer may go to the client, or base is to be asked. Pure.

Base is asked whenever it might do better, also about a 400: what a candidate cannot take (a context that is shorter
than base's, say) base may. Where base refuses as well, the client has base's own words, as without a rollout.
"""

from __future__ import annotations

from collections.abc import Sequence

from router.proxy.wire.headers import Headers


def fault_of(status: int, headers: Headers, body: bytes) -> str | None:
    """What is wrong with a whole answer, in a word: its status, or a body that is no JSON object; None for nothing."""
    if not 200 <= status < 300:
        return f"status_{status}"
    text = body.strip()
    if not text:
        return "empty"
    if text[:1] == b"{" and text[-1:] == b"}":
        return None
    # Compressed against our wish; whoever reads the record will see what it is.
    return None if _has(headers, b"content-encoding") else "not_json"


def fault_of_stream(status: int, *, empty: bool) -> str | None:
    """What is wrong with a stream at its first byte, or at its end where none came."""
    if not 200 <= status < 300:
        return f"status_{status}"
    return "empty" if empty else None


def _has(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> bool:
    return any(found == name for found, _ in headers)
