"""The text policies: what of a text may leave the router.

- `full`: the text; only tokens, keys and passwords are removed.
- `redacted`: also without e-mail addresses, phone, card and social security numbers, IBANs and IP addresses.
- `hashed`: the BLAKE2b digest of the text, so that equal texts can be recognised and nothing else.

Patterns find what looks like one; names and addresses in prose they do not find. Each takes time in proportion to the
text, whatever is in it; `forwarding.record_texts` bounds it for all texts of a record together.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import Final

from telemetry.account_numbers import without_cards, without_ibans
from telemetry.authorizing import without_authorization
from telemetry.events import TextPolicy
from telemetry.issued_secrets import HIDDEN, without_issued
from telemetry.named_secrets import without_named

_DIGIT: Final = re.compile(r"[0-9]")
_DRAWN: Final = re.compile(r"(?<![A-Za-z0-9])(?<!snapshots/)(?<!@)(?<!sha256:)(?<!sha256-)[A-Za-z0-9]{20,}")
# A number of social security in the United States, in its own form or where it is said to be one. What may stand
# before it is asked afterwards: to look for a digit is four times as quick as to look back at every character.
_SSN: Final = re.compile(r"[0-9]{3}([ -])[0-9]{2}\1[0-9]{4}(?![\w-]|\.[0-9])")
_SAID_SSN: Final = re.compile(
    r"(?i)((?:\bssn|social security)\b[^0-9\n]{0,30})[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{4}\b"
)
_EMAIL: Final = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
)
_IPV4: Final = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9]|\.[0-9])")
_TWO_COLONS: Final = re.compile(r":[0-9A-Fa-f]{0,4}:")  # every address of IPv6 has them
_IPV6: Final = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:]{2,39}(?![0-9A-Za-z:])")
# Every card number, telephone number and address of IPv4 has one: seven characters in a row of which they consist.
_LONG_NUMBER: Final = re.compile(r"[0-9][0-9 ()./-]{6}")
_PHONE: Final = re.compile(
    r"(?=[+(0-9])(?:"  # most characters are passed by this alone
    r"(?<![\w+])(?<![0-9]\s)\+[1-9](?:[ ()./-]{0,2}[0-9]){6,14}(?![0-9])"  # +49 (0)30 1234567
    r"|(?<![\w(.-])\([0-9]{2,5}\)[ -]?[0-9]{3,4}[ -]?[0-9]{3,5}(?![0-9])"  # (030) 123 4567
    r"|(?<![\w.-])(?:1-)?[0-9]{3}[-.][0-9]{3}[-.][0-9]{4}(?![0-9-])"  # 555-123-4567
    r"|(?<![\w.,/-])0[0-9]{1,4}[ /-][0-9]{3,4}(?:[ -]?[0-9]{2,4}){1,3}(?![0-9]))"  # 030 1234567
)

IDENTIFYING: Final = frozenset({"user", "metadata", "safety_identifier", "prompt_cache_key"})
"""Members of a request's body that say who asks. They go to the engine, and are never recorded under any policy."""
LONGEST_REDACTED: Final = 200_000
"""Characters of one text that patterns are tried on; a longer one is hashed."""
_SHORTEST: Final = 5  # of anything that is looked for


def apply(text: str, policy: TextPolicy) -> str:
    """What of this text may leave under the policy. An empty text stays empty.

    Under `redacted` a text of more than `LONGEST_REDACTED` characters leaves as its digest, and says so.
    """
    if not text:
        return text
    if policy == "hashed":
        return _digest(text)
    if policy == "redacted" and len(text) > LONGEST_REDACTED:
        return as_digest(text)
    if len(text) < _SHORTEST:
        return text
    text = without_secrets(text)
    return redacted(text) if policy == "redacted" else text


def as_digest(text: str) -> str:
    """What leaves of a text that is too long to be redacted: its length and its digest."""
    return f"[{len(text)} characters, too many to redact, blake2b {_digest(text)}]"


def without_secrets(text: str) -> str:
    """The text with tokens, keys and passwords replaced by `[secret]`."""
    return without_named(without_authorization(without_issued(text)))


def name_without_secrets(name: str) -> str:
    """A name, of a model or a parameter, redacted: what looks drawn by chance in it is hidden too.

    Prose has no place in a name, so there is nothing to spare there but hashes that say of themselves that they are.
    """
    return _DRAWN.sub(_without_drawn, apply(name, "redacted"))


def redacted(text: str) -> str:
    """The text with what identifies a person replaced by `[email]`, `[iban]`, `[card]`, `[ip]`, `[ssn]`, `[phone]`."""
    if "@" in text:
        text = _EMAIL.sub("[email]", text)
    if ":" in text and _TWO_COLONS.search(text):
        text = _IPV6.sub(_without_ip, text)
    if not _DIGIT.search(text):
        return text
    text = without_ibans(text)
    if not _LONG_NUMBER.search(text):
        return text
    text = without_cards(text)
    text = _IPV4.sub(_without_ip, text)
    text = without_ssns(text)
    return _PHONE.sub("[phone]", text)


def without_ssns(text: str) -> str:
    """The text with numbers of social security, as they are written in the United States, replaced by `[ssn]`."""
    text = _SSN.sub(_without_ssn, text)
    folded = text.lower()
    return _SAID_SSN.sub(r"\1[ssn]", text) if "ssn" in folded or "social security" in folded else text


def is_ip(text: str) -> bool:
    """Whether this is an address of IPv4 or IPv6; what may as well be code, such as `a::b`, is none."""
    if ":" in text and (text.count(":") < 3 or not _DIGIT.search(text)):
        return False
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False


def _without_ip(match: re.Match[str]) -> str:
    return "[ip]" if is_ip(match[0]) else match[0]


def _without_drawn(match: re.Match[str]) -> str:
    part = match[0]
    some = sum(any(map(kind, part)) for kind in (str.isdigit, str.islower, str.isupper))
    return HIDDEN if some == 3 or (some == 2 and len(part) >= 32) else part


def _without_ssn(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 1) : match.start()]
    number = match[0]
    whole = not (before.isalnum() or before in ("_", ".", "-"))
    issued = (
        number[0] != "9" and number[:3] not in ("000", "666") and number[4:6] != "00" and number[7:] != "0000"
    )
    return "[ssn]" if whole and issued else number


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=32).hexdigest()
