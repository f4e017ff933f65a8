"""Secrets in headers and command lines that let somebody in: `Authorization`, `Bearer`, `-u name:password`."""

from __future__ import annotations

import re
from typing import Final

from telemetry.issued_secrets import HIDDEN

_SCHEME: Final = r"(?:Bearer|Basic|Token|Api-?Key|Digest|Negotiate)"
_TO_FILL_IN: Final = r"(?!(?-i:[A-Z]+(?:_[A-Z]+)+)(?![A-Za-z0-9]))"  # YOUR_ACCESS_TOKEN
_HEADER: Final = re.compile(
    rf"(authorization\\{{0,3}}[\"'`]?\s{{0,3}}[:=]\s{{0,3}}\\{{0,3}}[\"'`]?)({_SCHEME}\s{{1,3}})?"
    rf"(?!{_SCHEME}\s){_TO_FILL_IN}[A-Za-z0-9._~+/=%:-]{{6,}}",
    re.IGNORECASE,
)
# Behind the word alone: with a digit, or as long and mixed as no word of prose.
_BEARER: Final = re.compile(
    rf"\b(Bearer|Basic)(\s{{1,3}}){_TO_FILL_IN}(?:(?=[A-Za-z._~+/=-]{{0,200}}[0-9])[A-Za-z0-9._~+/=-]{{12,}}"
    r"|(?=(?-i:[a-z]{0,40}[A-Z]))[A-Za-z._~+/=-]{20,}|[A-Za-z._~+/=-]{24,})",
    re.IGNORECASE,
)
_COMMAND: Final = re.compile(
    r"(?<!\S)((?:-u|--user|-U)[ =][\"']?[^\s:\"'@/]{1,64}:|sshpass -p ?[\"']?)(?!password\b|\$|<)[^\s\"']{4,128}"
)


def without_authorization(text: str) -> str:
    """The text with what headers and command lines let somebody in by replaced by `[secret]`."""
    if "-u" in text or "sshpass" in text:
        text = _COMMAND.sub(rf"\1{HIDDEN}", text)
    folded = text.casefold()  # a long s is an s, to the patterns too
    if "authorization" in folded:
        text = _HEADER.sub(_header_without, text)
    if "bearer" in folded or "basic" in folded:
        text = _BEARER.sub(rf"\1\2{HIDDEN}", text)
    return text


def _header_without(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2] or ''}{HIDDEN}"
