"""Card numbers and IBANs: what is one, where it ends, and how much work it is to see that there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import account_numbers
from telemetry.account_numbers import card_end, iban_end, without_cards, without_ibans

separators = st.sampled_from(["", " ", "-"])


def is_card(digits: str) -> bool:
    """By the book: every second digit from the right doubled, its digits added."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value // 10 + value % 10
    return 13 <= len(digits) <= 19 and any(map(int, digits)) and total % 10 == 0


def is_iban(text: str) -> bool:
    """By the book: the first four to the end, letters as numbers, one number modulo 97."""
    return 15 <= len(text) <= 34 and int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


@given(st.integers(10**12, 10**19 - 1))
def test_digits_alone_are_a_card_number_where_the_luhn_check_says_so(number: int) -> None:
    assert (without_cards(f"{number}") == "[card]") == is_card(f"{number}")


@given(st.integers(10**11, 10**18 - 1))
def test_exactly_one_of_ten_last_digits_makes_a_card_number(number: int) -> None:
    assert sum(without_cards(f"{number}{digit}") == "[card]" for digit in range(10)) == (number >= 10**11)


@given(st.lists(st.integers(0, 99_999).map(str), min_size=1, max_size=12), st.data())
def test_a_card_number_is_the_longest_row_of_groups_from_where_it_begins(
    groups: list[str], data: st.DataObject
) -> None:
    text, spans = "", []
    for group in groups:
        text += data.draw(separators.filter(bool)) if text else ""
        spans.append((len(text), len(text) + len(group)))
        text += group
    for first in range(len(groups)):
        rows = ["".join(groups[first:end]) for end in range(first + 1, len(groups) + 1)]
        ends = [first + 1 + n for n, row in enumerate(rows) if is_card(row)]
        assert card_end(text, spans, first) == (ends[-1] if ends else None)


@given(st.integers(0, 10**18 - 1))
def test_exactly_one_pair_of_check_digits_makes_an_iban(account: int) -> None:
    ends = [iban_end(f"DE{check:02d}{account:018d}", 0) for check in range(2, 99)]
    assert sum(end == 22 for end in ends) == 1


@given(
    st.from_regex(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{8,34}", fullmatch=True),
    st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_an_iban_is_the_longest_one_that_ends_with_a_group(compact: str, spaced: list[bool]) -> None:
    text, ends = compact[:4], {}
    for at, character in enumerate(compact[4:], 4):
        text += (" " if spaced[at] else "") + character
        if at + 1 == len(compact) or spaced[at + 1]:
            ends[at + 1] = len(text)
    valid = [end for size, end in ends.items() if is_iban(compact[:size])]
    assert iban_end(text, 0) == (valid[-1] if valid else None)


@given(st.text(alphabet="DE8937040 a", max_size=30), st.text(alphabet="DE8937040 a", max_size=30))
def test_an_iban_is_found_whatever_stands_around_it(before: str, after: str) -> None:
    assert "3704 0044 0532" not in without_ibans(f"{before}, DE89 3704 0044 0532 0130 00, {after}")


@pytest.mark.parametrize("piece", ["DE12 ", "DE12", "1 ", "1-", "12 3 ", "DE12 34", "1", "A1 ", "GB82 W1 "])
def test_the_work_grows_with_the_length_of_the_text(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def counted_card(run: str, groups: list[tuple[int, int]], first: int) -> int | None:
        tried.append(first)
        return card_end(run, groups, first)

    def counted_iban(text: str, begin: int) -> int | None:
        tried.append(begin)
        return iban_end(text, begin)

    monkeypatch.setattr(account_numbers, "card_end", counted_card)
    monkeypatch.setattr(account_numbers, "iban_end", counted_iban)
    counts = []
    for size in (2_000, 4_000, 8_000):
        tried.clear()
        text = piece * (size // len(piece))
        without_cards(without_ibans(text))
        # Each place where a number may begin is tried once; what is walked from there is at most 60 characters.
        assert len(tried) <= len(text) / 2 + 1
        counts.append(len(tried))
    assert counts[2] <= 2 * counts[1] + 4 <= 4 * counts[0] + 16
