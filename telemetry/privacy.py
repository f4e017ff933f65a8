"""The text policies: what of a text may leave the router.

- `full`: the text; only tokens and keys are removed.
- `redacted`: also without e-mail addresses, phone numbers, card numbers, IBANs and IP addresses.
- `hashed`: the BLAKE2b digest of the text, so that equal texts can be recognised and nothing else.

Patterns find what looks like one; names and addresses in prose they do not find.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable
from typing import Any, Final

from telemetry.events import TextPolicy

# Tokens and keys by the prefixes their issuers gave them, and any long value that is said to be one.
_SECRETS: Final = (
    re.compile(
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    re.compile(r"(?<![A-Za-z0-9_-])(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}"),
    re.compile(
        r"(?<![A-Za-z0-9_])(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|hf_|npm_|pypi-)[A-Za-z0-9_-]{16,}"
    ),
    re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])"),
    re.compile(r"(?<![A-Za-z0-9_-])AIza[0-9A-Za-z_-]{35}"),
    re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
)
# What follows needs a digit; most texts have none, and each pattern costs 0.1 us a character.
_DIGIT: Final = re.compile(r"[0-9]")
_BEARER: Final = re.compile(
    r"\b(Bearer|Basic)(\s{1,3})(?=[A-Za-z._~+/=-]{0,200}[0-9])[A-Za-z0-9._~+/=-]{12,}", re.IGNORECASE
)
_NAMED: Final = re.compile(
    r"(?i)\b((?:api|access|secret|auth|private)[_ -]?(?:key|token|secret)|client[_ -]?secret)"
    r"(\W{1,6})(?=[A-Za-z_+/=.-]{0,200}[0-9])[A-Za-z0-9_+/=.-]{12,}"
)
_EMAIL: Final = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
)
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_CARD: Final = re.compile(r"(?<![0-9])(?<![0-9][.,])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])")
_SHORTEST: Final = 13  # of a card number; of an IBAN it is 15
_IPV4: Final = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9]|\.[0-9])")
_IPV6: Final = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:]{2,39}(?![0-9A-Za-z:])")
_PHONE: Final = re.compile(
    r"(?<![\w+])(?<![0-9]\s)\+[1-9](?:[ ()./-]{0,2}[0-9]){6,14}(?![0-9])"  # +49 (0)30 1234567
    r"|(?<![\w(.-])\([0-9]{2,5}\)[ -]?[0-9]{3,4}[ -]?[0-9]{3,5}(?![0-9])"  # (030) 123 4567
    r"|(?<![\w.-])(?:1-)?[0-9]{3}[-.][0-9]{3}[-.][0-9]{4}(?![0-9-])"  # 555-123-4567
    r"|(?<![\w.,/-])0[0-9]{1,4}[ /-][0-9]{3,4}(?:[ -]?[0-9]{2,4}){1,3}(?![0-9])"  # 030 1234567
)


def apply(text: str, policy: TextPolicy) -> str:
    """What of this text may leave under the policy. An empty text stays empty."""
    if not text:
        return text
    if policy == "hashed":
        return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=32).hexdigest()
    text = without_secrets(text)
    return redacted(text) if policy == "redacted" else text


def apply_to_json(value: Any, policy: TextPolicy) -> Any:
    """The same for every text inside a JSON value, names of object members included."""
    if isinstance(value, str):
        return apply(value, policy)
    if isinstance(value, dict):
        return {apply(name, policy): apply_to_json(member, policy) for name, member in value.items()}
    if isinstance(value, list):
        return [apply_to_json(item, policy) for item in value]
    return value


def without_secrets(text: str) -> str:
    """The text with tokens and keys replaced by `[secret]`."""
    for pattern in _SECRETS:
        text = pattern.sub("[secret]", text)
    if not _DIGIT.search(text):
        return text
    text = _BEARER.sub(r"\1\2[secret]", text)
    return _NAMED.sub(r"\1\2[secret]", text)


def redacted(text: str) -> str:
    """The text with what identifies a person replaced by `[email]`, `[iban]`, `[card]`, `[ip]`, `[phone]`."""
    if "@" in text:
        text = _EMAIL.sub("[email]", text)
    if ":" in text:
        text = _IPV6.sub(_without_ip, text)
    if not _DIGIT.search(text):
        return text
    text = _IBAN.sub(_replace_if(is_iban, "[iban]"), text)
    text = _CARD.sub(_replace_if(is_card, "[card]"), text)
    text = _IPV4.sub(_without_ip, text)
    return _PHONE.sub("[phone]", text)


def is_card(text: str) -> bool:
    """Whether 13 to 19 digits, separated or not, pass the Luhn check (ISO/IEC 7812-1, annex B)."""
    compact = text.replace(" ", "").replace("-", "")
    if not 13 <= len(compact) <= 19:
        return False
    digits = [int(digit) for digit in compact]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return any(digits) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether a text of 15 to 34 letters and digits passes the check of ISO 13616 (modulo 97)."""
    compact = text.replace(" ", "")
    if not (15 <= len(compact) <= 34 and compact[:2].isalpha() and compact[2:4].isdigit()):
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


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


def _replace_if(holds: Callable[[str], bool], placeholder: str) -> Callable[[re.Match[str]], str]:
    """Replace the longest run of whole groups that holds: other numbers may stand right beside it."""

    def replace(match: re.Match[str]) -> str:
        text = match[0]
        breaks = [at for at, character in enumerate(text) if character in " -"]
        runs = [
            (b, e)
            for b in (0, *(at + 1 for at in breaks))
            for e in (*breaks, len(text))
            if e - b >= _SHORTEST
        ]
        for begin, end in sorted(runs, key=lambda run: run[0] - run[1]):
            if holds(text[begin:end]):
                return f"{text[:begin]}{placeholder}{text[end:]}"
        return text

    return replace
