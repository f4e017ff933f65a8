"""The text policies: what of a text may leave the router.

- `full`: the text; only tokens and keys are removed.
- `redacted`: also without e-mail addresses, phone numbers, card numbers, IBANs and IP addresses.
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
from telemetry.events import TextPolicy

_Guarded = tuple[tuple[str, ...], re.Pattern[str]]

# Tokens and keys by the prefixes their issuers gave them. A pattern is tried where one of its words is in the text:
# to look for a word costs a hundredth of looking for a pattern.
_SECRETS: Final[tuple[_Guarded, ...]] = (
    (
        ("PRIVATE KEY-----",),
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
    ),
    (
        ("sk-", "sk_", "pk-", "pk_", "rk-", "rk_"),
        re.compile(r"(?<![A-Za-z0-9_-])(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}"),
    ),
    (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "hf_", "npm_", "pypi-"),
        re.compile(
            r"(?<![A-Za-z0-9_])(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|hf_|npm_|pypi-)[A-Za-z0-9_-]{16,}"
        ),
    ),
    (("AKIA", "ASIA"), re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])")),
    (("AIza",), re.compile(r"(?<![A-Za-z0-9_-])AIza[0-9A-Za-z_-]{35}")),
    (("eyJ",), re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")),
)
# Any long value that is said to be a key; what follows needs a digit, and most texts have none.
_DIGIT: Final = re.compile(r"[0-9]")
_NAMED_BY: Final[tuple[_Guarded, ...]] = (
    (
        ("bearer", "basic"),
        re.compile(
            r"\b(Bearer|Basic)(\s{1,3})(?=[A-Za-z._~+/=-]{0,200}[0-9])[A-Za-z0-9._~+/=-]{12,}", re.IGNORECASE
        ),
    ),
    (
        ("key", "token", "secret"),
        re.compile(
            r"(?i)\b((?:api|access|secret|auth|private)[_ -]?(?:key|token|secret)|client[_ -]?secret)"
            r"(\W{1,6})(?=[A-Za-z_+/=.-]{0,200}[0-9])[A-Za-z0-9_+/=.-]{12,}"
        ),
    ),
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
    r"(?<![\w+])(?<![0-9]\s)\+[1-9](?:[ ()./-]{0,2}[0-9]){6,14}(?![0-9])"  # +49 (0)30 1234567
    r"|(?<![\w(.-])\([0-9]{2,5}\)[ -]?[0-9]{3,4}[ -]?[0-9]{3,5}(?![0-9])"  # (030) 123 4567
    r"|(?<![\w.-])(?:1-)?[0-9]{3}[-.][0-9]{3}[-.][0-9]{4}(?![0-9-])"  # 555-123-4567
    r"|(?<![\w.,/-])0[0-9]{1,4}[ /-][0-9]{3,4}(?:[ -]?[0-9]{2,4}){1,3}(?![0-9])"  # 030 1234567
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
    """The text with tokens and keys replaced by `[secret]`."""
    for words, pattern in _SECRETS:
        for word in words:
            if word in text:
                text = pattern.sub("[secret]", text)
                break
    if not _DIGIT.search(text):
        return text
    folded = text.casefold()
    for words, pattern in _NAMED_BY:
        for word in words:
            if word in folded:
                text = pattern.sub(r"\1\2[secret]", text)
                break
    return text


def redacted(text: str) -> str:
    """The text with what identifies a person replaced by `[email]`, `[iban]`, `[card]`, `[ip]`, `[phone]`."""
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
    return _PHONE.sub("[phone]", text)


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


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=32).hexdigest()
