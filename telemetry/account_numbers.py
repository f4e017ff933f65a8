"""Card numbers and IBANs in a text, found in time that grows with its length, whatever it holds.

A number is looked for from each place where one may begin, once, and is as long as it can be from there. What follows
such a place is walked once: checks are carried along, not begun anew for each length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_IBAN_BEGINS: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?= ?[A-Z0-9])")
_IBAN_GOES_ON: Final = re.compile(r"(?: ?[A-Z0-9]){11,30}")
_SHORTEST_IBAN: Final = 15
_DIGITS: Final = re.compile(r"(?<![0-9])(?<![0-9][.,])[0-9](?:[ -]?[0-9]){12,}")
_GROUP: Final = re.compile(r"[0-9]+")
_SHORTEST_CARD, _LONGEST_CARD = 13, 19


def without_ibans(text: str) -> str:
    """The text with every IBAN, in groups or not, replaced by `[iban]`."""
    pieces: list[str] = []
    kept = position = 0
    while found := _IBAN_BEGINS.search(text, position):
        end = iban_end(text, found.start())
        position = end or found.end()
        if end is not None:
            pieces += text[kept : found.start()], "[iban]"
            kept = end
    return "".join((*pieces, text[kept:])) if pieces else text


def without_cards(text: str) -> str:
    """The text with every card number, in groups or not, replaced by `[card]`."""
    return _DIGITS.sub(_cards_replaced, text)


def iban_end(text: str, begin: int) -> int | None:
    """Where the longest IBAN ends that begins here with two letters and two digits; None where none does.

    It passes the check of ISO 13616 (modulo 97): the rest followed by these four, letters as 10 to 35.
    """
    following = _IBAN_GOES_ON.match(text, begin + 4)
    if following is None:
        return None
    head = int("".join(str(int(character, 36)) for character in text[begin : begin + 4]))
    remainder, count, end = 0, 4, None
    for at in range(following.start(), following.end()):
        character = text[at]
        if character == " ":
            continue
        value = int(character, 36)
        remainder = (remainder * (10 if value < 10 else 100) + value) % 97
        count += 1
        whole = count >= _SHORTEST_IBAN and not _goes_on(text, at + 1)
        if whole and (remainder * 1_000_000 + head) % 97 == 1:
            end = at + 1
    return end


def card_end(run: str, groups: Sequence[tuple[int, int]], first: int) -> int | None:
    """The group after the longest card number that begins with group `first` of a run; None where none does.

    It has 13 to 19 digits, not all 0, and passes the Luhn check (ISO/IEC 7812-1, annex B), in which every second digit
    from the right is doubled: which ones they are turns with each further digit, so both sums are carried along.
    """
    sums, count, end, some = [0, 0], 0, None, False
    for number in range(first, len(groups)):
        begin, stop = groups[number]
        if count + stop - begin > _LONGEST_CARD:
            break
        for digit in map(int, run[begin:stop]):
            doubled = digit * 2 - 9 * (digit > 4)
            # sums[1] doubles the last digit so far, sums[0] the one before it.
            sums = [sums[1] + digit, sums[0] + doubled]
            some = some or digit > 0
            count += 1
        if count >= _SHORTEST_CARD and some and sums[0] % 10 == 0:
            end = number + 1
    return end


def _goes_on(text: str, at: int) -> bool:
    return at < len(text) and text[at].isascii() and text[at].isalnum()


def _cards_replaced(match: re.Match[str]) -> str:
    run = match[0]
    groups = [found.span() for found in _GROUP.finditer(run)]
    pieces: list[str] = []
    kept = number = 0
    while number < len(groups):
        end = card_end(run, groups, number)
        if end is None:
            number += 1
            continue
        pieces += run[kept : groups[number][0]], "[card]"
        kept, number = groups[end - 1][1], end
    return "".join((*pieces, run[kept:]))
