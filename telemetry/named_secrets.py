"""Values that are said to be a password, a key or a token: `DB_PASSWORD=...`, `"api_key": "..."`, `my password is ...`.

The names are looked for as words, which is quick; what stands behind one is then judged by itself. Whatever is code
(a call, a variable, a type), a place to fill in or plain prose stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from telemetry.issued_secrets import HIDDEN

_PASSWORDS: Final = (
    "password", "passwd", "passphrase", "passwort", "kennwort", "contraseña", "mot de passe", "senha", "пароль",
    "密码", "パスワード", "pwd", "_pass", ".pass",
)  # fmt: skip
_KEYS: Final = ("secret", "token", "credential")
_WEAK: Final = ("key", "appid", "session", "sid", "sig=")
"""What is called so is a secret only where it looks drawn by chance, but for a key of what `_OPENS` names."""
_OPENS: Final = (
    "api", "access", "secret", "auth", "private", "client", "signing", "encryption", "account", "storage", "master",
    "license", "service", "subscription", "shared",
)  # fmt: skip
_OPENS_NOTHING: Final = (
    "cache",
    "partition",
    "sort",
    "primary",
    "foreign",
    "object",
    "public",
    "hash",
    "idempotency",
)

# What stands between the end of such a word and its value.
_SAYS: Final = re.compile(
    r"(?P<tail>[a-z0-9_-]{0,40})"
    r"(?:\\{0,3}[\"'`]|[\])]){0,2}(?: (?:provided|given|used|supplied)(?=:))?"
    r"(?:\s{0,3}(?P<sign>=>|:=|={1,3}|[:：])\s{0,3}"  # noqa: RUF001 - Chinese and Japanese write it so
    r"|(?P<tag>>)"
    r"|\s{1,3}value\s?(?P<value>=)\s?"
    r"|[ \t]{1,3}(?P<verb>(?:is|was|ist|lautet|es|est)\b[ \t:]{1,3})?)"
)
_VALUE: Final = re.compile(
    r"[@bru]?\\{0,3}(?P<mark>[\"'`])(?P<quoted>[^\"'`\n\\]{1,256})(?=\\{0,3}[\"'`])"
    r"|(?P<bare>[^\s\"'`,;<>()\[\]{}&|\\]{1,512})"
)
_JUDGED: Final = (
    64  # of a value's characters: what is a secret shows by then, and a text of values stays quick
)
_CODE_GOES_ON: Final = ("(", "[", "{")
_DIGIT: Final = re.compile(r"[0-9]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_MIXED_CASE: Final = re.compile(r"[a-z].*[A-Z]|[A-Z].*[a-z].*[A-Z]")
_MARK_INSIDE: Final = re.compile(r"[!@#$%^*+?~&].")
_UUID: Final = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_PART: Final = re.compile(r"[A-Za-z0-9]+")
_HEX: Final = re.compile(r"[0-9a-fA-F]{32,}")
_TO_FILL_IN: Final = re.compile(r"[<\[{$%*]|x{3,}|\.{2,}|-+$", re.IGNORECASE)
_NAMES: Final = re.compile(r"[A-Za-z]+(?:[_.-][A-Za-z]+)*")
_ATTRIBUTE: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_SAYS_NOTHING: Final = re.compile(
    r"(?i)passw(?:or)?d|pwd|secret|token|key|your|example|placeholder|change|insert|here|none|null|true|false|nil|"
    r"undefined|string|\bstr\b|\bint\b|bool|bytes|object|optional|required|missing|invalid|incorrect|wrong|hidden|"
    r"os\.|env|self\.|this\.|request|config|settings|args|getpass|input|bearer|empty|default|redacted|secret"
)


class _Said(NamedTuple):
    """A value, and how it came to be one."""

    value: str
    quoted: bool
    assigned: bool
    """By a sign rather than by a verb or by nothing."""
    firmly: bool
    """As settings do: a name in capitals, an option `--name`, or the name first and the value last on a line."""


_Judge = Callable[[_Said], bool]


def without_named(text: str) -> str:
    """The text with every value that is said to be a secret replaced by `[secret]`."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(small if len(small := one.lower()) == 1 else one for one in text)
    spans = sorted(_spans(text, lower))
    if not spans:
        return text
    pieces: list[str] = []
    kept = 0
    for begin, end in spans:
        if begin >= kept:
            pieces += text[kept:begin], HIDDEN
        kept = max(kept, end)
    return "".join((*pieces, text[kept:]))


def _spans(text: str, lower: str) -> Iterator[tuple[int, int]]:
    for words, is_secret in ((_PASSWORDS, _is_password), (_KEYS, _is_key), (_WEAK, _is_drawn)):
        for word in words:
            at = lower.find(word)
            while at >= 0:
                end = at + len(word)
                judge = _judge_of_key(text, lower, at) if word == "key" else is_secret
                if judge is not None and (span := _span(text, lower, at, end - word.endswith("="), judge)):
                    yield span
                at = lower.find(word, end)


def _judge_of_key(text: str, lower: str, at: int) -> _Judge | None:
    """How the value of a `key` is judged, by what stands before it; None where it is the end of a word."""
    before = lower[max(0, at - 14) : at].rstrip("_- .")
    if before.endswith(_OPENS):
        return _is_key
    inside_a_word = at > 0 and text[at - 1].isalpha() and text[at].islower()
    return None if inside_a_word or before.endswith(_OPENS_NOTHING) else _is_drawn


def _span(text: str, lower: str, at: int, end: int, judge: _Judge) -> tuple[int, int] | None:
    """Where the secret stands that is said to be one by the word from `at` to `end`; None where none does."""
    says = _SAYS.match(lower, end)
    if says is None or (says["sign"] or "").startswith("=="):
        return None
    found = _VALUE.match(text, says.end())
    if found is None:
        return None
    quoted = found["quoted"]
    value = quoted if quoted is not None else found["bare"].rstrip(".")
    begin = found.start("quoted" if quoted is not None else "bare")
    end_of_value = begin + len(value)
    if not value or (quoted is None and text[end_of_value : end_of_value + 1] in _CODE_GOES_ON):
        return None
    assigned = bool(says["sign"] or says["tag"] or says["value"])
    firmly = assigned and _is_setting(text, at, begin + len(value))
    said = _Said(value[:_JUDGED], quoted is not None, assigned, firmly)
    return (begin, begin + len(value)) if not _says_nothing(said) and judge(said) else None


def _is_setting(text: str, at: int, end: int) -> bool:
    """Whether the name and value that stand here are written as settings are."""
    line = text.rfind("\n", max(0, at - 60), at) + 1 or max(0, at - 60)
    before = text[line:at].strip(" -#\t")
    option = text[line:at].rsplit(" ", maxsplit=1)[-1].startswith("--")
    alone = " " not in before and text[end : end + 2].strip(" \r\"',;") in ("", "\n")
    return option or alone or text[at : at + 4].isupper()


def _says_nothing(said: _Said) -> bool:
    """Whether the value only stands for another: a place to fill in, a variable, a type."""
    value = said.value
    if _TO_FILL_IN.match(value):
        return True
    if not said.quoted and _ATTRIBUTE.fullmatch(value) and not _drawn_part(value):
        return True
    if len(value) >= 20 and (said.quoted or said.firmly) and value.isalnum():
        return False
    return bool(_NAMES.fullmatch(value) and _SAYS_NOTHING.search(value))


def _is_password(said: _Said) -> bool:
    value = said.value
    mixed = bool(_DIGIT.search(value) and _LETTER.search(value))
    if said.quoted:
        return len(value) >= 4 and (" " not in value or (mixed and value.count(" ") < 5))
    if mixed or _MARK_INSIDE.search(value):
        return len(value) >= 6
    if not said.assigned:
        return False
    return len(value) >= (6 if value.isdigit() else 4 if said.firmly else 999)


def _is_key(said: _Said) -> bool:
    value = said.value
    if " " in value:
        return False
    if not said.assigned:
        return _drawn_part(value, 20)
    if _DIGIT.search(value) and _LETTER.search(value):
        return len(value) >= (8 if said.firmly or said.quoted else 12)
    return len(value) >= 16 and bool(_MIXED_CASE.search(value)) and _drawn_part(value, 16, digits=False)


def _is_drawn(said: _Said) -> bool:
    return said.assigned and not _UUID.fullmatch(said.value) and _drawn_part(said.value, 20)


def _drawn_part(value: str, least: int = 16, *, digits: bool = True) -> bool:
    """Whether letters and digits stand in a row in it as chance draws them."""
    for part in _PART.findall(value):
        if len(part) < least:
            continue
        if _HEX.fullmatch(part) or not digits or (_DIGIT.search(part) and _LETTER.search(part)):
            return True
    return False
