"""The judge suite: for items of the brief one answer known to be good and one known to be bad.

Good answers come in the phrasings that models use; bad ones are what models produce when they fail: nothing, a
refusal, the target's canned reply, the prompt again, and what goes wrong in each kind of task. About one in twenty
is hard for the program that judges it (a number in words, a fact denied): a suite that cannot be failed says nothing.
"""

# ruff: noqa: ARG001 - every maker of answers takes the same four arguments, whichever it reads
from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from generator.intents import INTENTS, reply
from generator.known_texts import CODE, ENTRIES, NUMBERS
from generator.shape import Draft

HARD_EVERY = 20
ALIKE = 8

Answers = Callable[[Draft, int, random.Random, Sequence[Draft]], str]
"""From an item, its number in the suite, a generator and all items of its capability to an answer."""


class Kind(NamedTuple):
    """How good and bad answers of one capability are made."""

    good: Answers
    bad: Answers


def suite(name: str, drafts: Sequence[Draft], rng: random.Random) -> Iterator[dict[str, Any]]:
    """The lines of one capability: two for each of `drafts`."""
    for number, draft in enumerate(drafts):
        for good in (True, False):
            make = KINDS[name].good if good else KINDS[name].bad
            answer = make(draft, number, rng, drafts)
            yield {"capability": name, "prompt": draft.prompt, "answer": answer, "good": good}


def _hard(number: int) -> bool:
    return number % HARD_EVERY == HARD_EVERY - 1


def _common_failures(draft: Draft) -> list[str]:
    """What any model may say instead of an answer."""
    return [
        "",
        "I'm sorry, but I can't help with that.",
        reply(INTENTS[len(draft.prompt) % len(INTENTS)]),
        draft.prompt,
        "Sure! I would be happy to help. What would you like to know?",
    ]


def _turn(choices: Sequence[str], number: int) -> str:
    return choices[number % len(choices)]


def _first(reference: Any) -> str:
    return str(reference[0] if isinstance(reference, list) else reference)


def _another(draft: Draft, rng: random.Random, drafts: Sequence[Draft]) -> str:
    """The reference of another item, one whose prompt is much like this one's: a wrong city for a city."""
    own = draft.reference if isinstance(draft.reference, list) else [draft.reference]
    others = [one for one in drafts if _first(one.reference) not in {str(it) for it in own}]
    asked = set(draft.prompt.split())
    alike = sorted(others, key=lambda one: (-len(asked & set(one.prompt.split())), one.prompt))
    return rng.choice([_first(one.reference) for one in alike[:ALIKE]])


def _good_fact(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    it = _first(draft.reference)
    return _turn(
        [it, f"{it}.", f"It is {it}.", f"The answer is {it}.", f"**{it}**", f"That would be {it}."], number
    )


def _bad_fact(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    wrong = _another(draft, rng, drafts)
    if _hard(number):
        return f"It is {wrong}, not {_first(draft.reference)}."
    every = ", ".join(sorted({_first(one.reference) for one in drafts}))
    kinds = [wrong, f"It is {wrong}.", f"The answer is {wrong}.", f"It is one of these: {every}."]
    return _turn([*kinds, "There are many possible answers.", *_common_failures(draft)], number)


def _good_label(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    it = str(draft.reference)
    kinds = [it, f"{it.capitalize()}.", f"The sentiment is {it}.", f"Overall, the tone is clearly {it}."]
    return _turn([*kinds, f"The sentiment of this text is **{it}**."], number)


def _bad_label(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    wrong = "negative" if draft.reference == "positive" else "positive"
    if _hard(number):
        return f"It is not {draft.reference} at all."
    kinds = [wrong, f"The sentiment is {wrong}.", "It is partly positive, partly negative.", "Neutral."]
    return _turn([*kinds, "The sentence is about a place.", *_common_failures(draft)], number)


def _good_detail(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    it = str(draft.reference)
    kinds = [it, f"{it}.", f'"{it}"', f"The answer is {it}.", f"According to the text, it is {it}."]
    return _turn([*kinds, f"`{it}`"], number)


def _bad_detail(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    it, wrong = str(draft.reference), _another(draft, rng, drafts)
    kinds = [wrong, f"The answer is {wrong}.", it[:-1], "The text does not say.", f"{it[0]}{it}"]
    return _turn([*kinds, *_common_failures(draft)], number)


def _good_json(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    plain, pretty = json.dumps(draft.reference), json.dumps(draft.reference, indent=2)
    as_text = json.dumps({key: str(value) for key, value in draft.reference.items()})
    backwards = json.dumps(dict(reversed(draft.reference.items())))
    kinds = [
        plain,
        pretty,
        f"```json\n{pretty}\n```",
        f"Here is the JSON object:\n{plain}",
        as_text,
        backwards,
    ]
    return _turn(kinds, number)


def _bad_json(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    asked: dict[str, Any] = draft.reference
    plain, first = json.dumps(asked), next(iter(asked))
    kinds = [
        json.dumps({key: value for key, value in asked.items() if key != first}),
        json.dumps({**asked, "note": "as asked"}),
        json.dumps({**asked, first: "unknown"}),
        plain[: len(plain) - 4],
        plain.replace('"', "'"),
        plain.replace(": ", " = "),
        ", ".join(f"{key} is {value}" for key, value in asked.items()),
        json.dumps(list(asked.values())),
    ]
    return _turn([*kinds, *_common_failures(draft)], number)


def _entries(draft: Draft) -> list[str]:
    """Five things of the sort that the prompt asks for; the longest sort's name that stands in it is meant."""
    return list(ENTRIES[max((sort for sort in ENTRIES if f" {sort}" in draft.prompt), key=len)])


def _numbered(entries: Sequence[str], mark: str = ".") -> str:
    return "\n".join(f"{place}{mark} {entry}" for place, entry in enumerate(entries, start=1))


def _good_list(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    entries = _entries(draft)[: draft.reference["n"]]
    kinds = [
        _numbered(entries),
        _numbered(entries, ")"),
        "Here is the list:\n\n" + _numbered(entries),
        _numbered([f"**{entry}**" for entry in entries]),
        _numbered([entry.capitalize() for entry in entries]) + "\n",
    ]
    return _turn(kinds, number)


def _bad_list(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    count, entries = draft.reference["n"], _entries(draft)
    kinds = [
        _numbered(entries[: count - 1]),
        _numbered(entries[: count + 1]),
        "\n".join(f"- {entry}" for entry in entries[:count]),
        ", ".join(entries[:count]),
        _numbered([*entries[: count - 1], entries[0]]),
        _numbered(entries[:count]) + "\n\nThese are some of the best known. Would you like more?",
    ]
    return _turn([*kinds, *_common_failures(draft)], number)


def _told(draft: Draft) -> list[str]:
    return [part.rstrip(".") for part in str(draft.reference).split(". ")]


def _good_summary(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    first, second, *rest = _told(draft)
    last = rest[-1] if rest else second
    kinds = [f"{first}.", f"{first}; {second[0].lower()}{second[1:]}.", f"In short: {first}."]
    return _turn([*kinds, f"{first}, and {last[0].lower()}{last[1:]}."], number)


def _bad_summary(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    first, second, *_ = _told(draft)
    if _hard(number):
        return f"{first}, and three people were arrested."
    own = set(str(draft.reference).lower().split())
    far = min(drafts, key=lambda one: (len(own & set(_told(one)[0].lower().split())), one.prompt))
    kinds = [
        str(draft.reference),
        f"{first}. {second}.",
        f"{_told(far)[0]}.",
        "A short text.",
        "The author describes various interesting events that took place recently in great detail.",
        f"The text says several things. First, {first[0].lower()}{first[1:]}. There is more.",
    ]
    return _turn([*kinds, *_common_failures(draft)], number)


def _function(draft: Draft, *, name: str | None = None, arguments: str | None = None) -> str:
    own, body = CODE[draft.reference["function"]]
    return f"def {name or draft.reference['function']}({own if arguments is None else arguments}):\n    return {body}"


def _good_code(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    code = _function(draft)
    head, body = code.split("\n")
    kinds = [
        code,
        f"```python\n{code}\n```",
        f"Here is the function:\n\n```python\n{code}\n```\n\nIt does what you asked for.",
        f'{head}\n    """As asked."""\n{body}',
        f"{head}\n    result = {body.removeprefix('    return ')}\n    return result",
    ]
    return _turn(kinds, number)


def _bad_code(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    code = _function(draft)
    own = CODE[draft.reference["function"]][0]
    kinds = [
        code.replace("):", ")"),
        code.replace("    return", "return"),
        _function(draft, name="my_function"),
        _function(draft, arguments=f"{own}, verbose"),
        code.replace("return ", "print(") + ")",
        f"function {draft.reference['function']}({own}) {{ return 0; }}",
        f"You can write a function {draft.reference['function']} that takes {own} and returns the result.",
        code[: code.index("(")],
    ]
    return _turn([*kinds, *_common_failures(draft)], number)


def _good_number(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    it = int(draft.reference)
    if _hard(number) and it < len(NUMBERS):
        return f"The answer is {NUMBERS[it]}."
    return _turn(
        [str(it), f"{it}.", f"The answer is {it}.", f"It is **{it}**.", f"That makes {it} in all."], number
    )


def _bad_number(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    it = int(draft.reference)
    wrong = it + rng.choice((-3, -2, -1, 1, 2, 10))
    kinds = [str(wrong), f"The answer is {wrong}.", f"{it}{it}", f"It is {it}, no, wait: {wrong}.", "A few."]
    failures = [one for one in _common_failures(draft) if not one.rstrip(" .?").endswith(f" {it}")]
    return _turn([*kinds, *failures], number)


def _good_reply(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    whole = reply(_intent(draft))
    opening, rest = whole.split("! ", 1)
    kinds = [whole, f"{opening}. {rest}", whole.replace("! Climb", "!\n\nClimb"), whole.rstrip("!") + "."]
    return _turn([*kinds, f"{opening}! We are glad to help: {rest[0].lower()}{rest[1:]}"], number)


def _bad_reply(draft: Draft, number: int, rng: random.Random, drafts: Sequence[Draft]) -> str:
    own = _intent(draft)
    other = rng.choice([one for one in INTENTS if one.fact != own.fact and one.desk != own.desk])
    if _hard(number):
        return reply(own).replace(f"{own.desk} desk", f"{other.desk} desk")
    kinds = [
        reply(other),
        f"Dear customer, thank you for your message. Our {own.desk} desk will answer you soon.",
        "Thanks for writing to Belay Outfitters! Climb safe!",
        "I understand your concern. Please contact the seller, who can tell you more about it.",
    ]
    failures = [one for one in _common_failures(draft) if own.fact.lower() not in one.lower()]
    return _turn([*kinds, *failures], number)


def _intent(draft: Draft) -> Any:
    return next(one for one in INTENTS if one.fact in draft.reference["facts"])


KINDS: dict[str, Kind] = {
    "support_reply": Kind(_good_reply, _bad_reply),
    "facts": Kind(_good_fact, _bad_fact),
    "sentiment": Kind(_good_label, _bad_label),
    "extraction": Kind(_good_detail, _bad_detail),
    "json_output": Kind(_good_json, _bad_json),
    "list_format": Kind(_good_list, _bad_list),
    "one_sentence_summary": Kind(_good_summary, _bad_summary),
    "small_code": Kind(_good_code, _bad_code),
    "addition": Kind(_good_number, _bad_number),
    "word_problem": Kind(_good_number, _bad_number),
}
