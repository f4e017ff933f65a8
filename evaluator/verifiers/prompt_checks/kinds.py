"""Kinds of details that a text may hold, and how a question asks for each: a day, a price, a name. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

_DAYS: Final = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MONTHS: Final = "January|February|March|April|May|June|July|August|September|October|November|December"
_MONEY: Final = r"(?:euros?|eur|dollars?|usd|pounds?|gbp|francs?|chf|cents?|yen|\u20ac|\$|\u00a3)"
_NOT_NAME_WORDS: Final = """
The A An I It He She We They You My Our Your His Her This That There Here Hello Hi Dear Good Please Text Order Invoice
In On At To From Message Note Question Thanks Thank Many When Where What Who Which How And But If No Yes Ms Mr Mrs Dr
JSON Write Read Find Give Call Is Are As Only Pull Convert Turn Return Sent For Best Regards Morning Evening Receipt
Signed
"""
NOT_NAMES: Final = frozenset([*_NOT_NAME_WORDS.split(), *_DAYS.split("|"), *_MONTHS.split("|")])
"""Words that begin with a capital and name nobody."""
_NAME: Final = re.compile(r"(?<![\w.])([A-Z][a-z\u00df-\u00ff]+(?:[ -][A-Z][a-z\u00df-\u00ff]+)*)")
_PLACED: Final = re.compile(r"\b(?:in|from|at|near|of|moved to|lives in|flew to|based in)\s+$", re.IGNORECASE)
_TOWARDS: Final = re.compile(r"\bto\s+$", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(?<![\w.,-])#?(\d[\d-]{2,}\d|\d{2,})(?![\w,]|\.\d|-\d)")
_WITH_CURRENCY: Final = re.compile(
    rf"(?<![\w.,])(?:{_MONEY}\s?)?(\d+(?:[.,]\d+)*)\s*{_MONEY}(?!\w)|(?:[\u20ac$\u00a3]\s?)(\d+(?:[.,]\d+)*)",
    re.IGNORECASE,
)
_BARE_PRICE: Final = re.compile(
    r"(?:costs?|price[^.\d]{0,20}|for|at|is) (\d+(?:[.,]\d+)?)(?![\w,-]|\.\d)", re.IGNORECASE
)


def names_in(text: str) -> list[tuple[str, str]]:
    """Proper names with how they stand: `placed` behind in, from or at, `towards` behind to, or neither."""
    found = []
    for one in _NAME.finditer(text):
        name = " ".join(word for word in one[1].split() if word not in NOT_NAMES)
        before = text[: one.start()]
        if name:
            where = "placed" if _PLACED.search(before) else "towards" if _TOWARDS.search(before) else ""
            found.append((name, where))
    return found


def _persons(text: str) -> list[str]:
    found = names_in(text)
    sure = [name for name, where in found if not where]
    return sure or [name for name, where in found if where == "towards"]


def _places(text: str) -> list[str]:
    found = names_in(text)
    sure = [name for name, where in found if where == "placed"]
    return sure or [name for name, where in found if where == "towards"]


def _prices(text: str) -> list[str]:
    return [one or other for one, other in _WITH_CURRENCY.findall(text)] or _BARE_PRICE.findall(text)


def _all(pattern: str) -> Callable[[str], list[str]]:
    return re.compile(pattern).findall


_DATE: Final = (
    rf"\b(\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}\.? (?:{_MONTHS})(?: \d{{4}})?"
    rf"|(?:{_MONTHS}) \d{{1,2}}(?:, \d{{4}})?)\b"
)
_CODE: Final = r"(?<![\w-])((?=[A-Z\d-]*\d)(?=[A-Z\d-]*[A-Z])[A-Z\d]+(?:-[A-Z\d]+)*)(?![\w-])"
_JOB: Final = r"\b(?:works as|is|as|became) an? ([a-z]+(?:[ -][a-z]+)?)(?= from| in| and|[.,;]|$)"
_ASKS_NUMBER: Final = (
    r"\b(?:order|invoice|ticket|customer|tracking|reference|account|article|case|its)\b|\bnumber\b"
)
_ASKS_DAY: Final = r"\b(?:which|what|on which) (?:week)?day\b|\bweekday\b|\bday of the week\b|\bthe day\b"

KINDS: Final[Mapping[str, tuple[re.Pattern[str], Callable[[str], list[str]]]]] = MappingProxyType(
    {
        name: (re.compile(asked, re.IGNORECASE), found)
        for name, asked, found in (
            ("email", r"\be-?mail address\b|\bthe e-?mail\b", _all(r"([\w.+-]+@[\w-]+\.[\w.-]*\w)")),
            ("phone", r"\bphone number\b|\bnumber to call\b", _all(r"(?<![\w-])(\+?\d[\d ()-]{5,}\d)(?!\w)")),
            ("day", _ASKS_DAY, _all(rf"\b({_DAYS})\b")),
            ("date", r"\b(?:the|which|what|release|new) date\b|\bwhen\b", _all(_DATE)),
            (
                "time",
                r"\btime\b|\bwhen\b|\bhour\b",
                _all(r"(?<![\d:])(\d{1,2}:\d{2}(?: ?[ap]m)?|\d{1,2} ?[ap]m)(?![\d:])"),
            ),
            ("code", r"\bcode\b|\btracking\b|\bshelf\b", _all(_CODE)),
            ("price", r"\bprice\b|\bhow much\b|\bcosts?\b|\bamount\b", _prices),
            ("year", r"\b(?:which|what|the) year\b", _all(r"\b((?:1[5-9]|20)\d\d)\b")),
            ("number", _ASKS_NUMBER, _NUMBER.findall),
            ("city", r"\b(?:city|town|where|place|location)\b", _places),
            ("job", r"\b(?:job|profession|occupation|work as|do for a living)\b", _all(_JOB)),
            ("person", r"\bwho\b|\bwhose\b|\bname\b", _persons),
        )
    }
)
"""What may be asked for: how a question asks, and what a text has of it. The first that fits is meant."""
