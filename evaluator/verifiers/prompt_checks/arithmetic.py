"""An arithmetic expression in a prompt, worked out. Word problems are not read."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

from evaluator.verifiers.numbers import numbers_in, readable
from evaluator.verifiers.prompt_checks.constraint import Constraint, Finding, holds
from evaluator.verifiers.prompt_checks.material import without_courtesies
from evaluator.verifiers.stated import stated

_LONGEST: Final = 200  # characters; a longer prompt tells a story
_FILLER: Final = re.compile(
    r"\b(?:please|thanks?(?: you)?|thx|hey|hi|hello|quick (?:one|question)"
    r"|quickly|for me|kindly|exactly|just|now|ok(?:ay)?"
    r"|could you|can you|would you|will you|do you know|i need(?: to know)?"
    r"|i want(?: to know)?|i'd like(?: to know)?|help me(?: with| to)?"
    r"|tell me|give me|show me|find(?: me)?|state|say|let me know"
    r"|what(?:'s|s| is| are| does| do| do you get when you| would| will)?"
    r"|how much(?: is| are| does| do| will)?|whatever"
    r"|calculate|compute|evaluate|work out|solve|figure out|determine|simplify"
    r"|add it up|total up|put|on top|where|end up|pls|up"
    r"|you get|do i get|do you get|get|equals?|equal to|comes? to|makes? what|makes?"
    r"|amounts? to|if i|if you|when you|when i|answer|result|value"
    r"|(?:of )?(?:the|this|following) (?:expression|calculation|problem|sum)|only|number"
    r"|together|altogether|in total|as a number|the|of|is|a|me|to know)\b"
)
_CALCULATES: Final = re.compile(
    r"\b(?:calculat|comput|evaluat|work out|how much is|sum|solve|add"
    r"|subtract|multipl|divid|equals?|plus|minus|times)|="
)
_BARE: Final = re.compile(r"\d[/-]\d")
_N: Final = r"(-?\d+(?:\.\d+)?)"
_MANY: Final = rf"{_N}((?:\s*(?:,|and|,\s*and|\+)\s*{_N})+)"
_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(rf"\b(?:(?:sum|total)(?: of)?|add(?: up)?|adding)[\s:]*{_MANY}"), lambda m: _joined(m, "+")),
    (re.compile(rf"\b(?:product(?: of)?|multiply|multiplying)[\s:]*{_MANY}"), lambda m: _joined(m, "*")),
    (re.compile(rf"\b(?:add|adding) {_N} (?:to|with) {_N}"), lambda m: f"({m[2]}+{m[1]})"),
    (re.compile(rf"\b(?:subtract|subtracting|take(?: away)?"
                rf"|deduct) {_N} (?:away )?from {_N}"), lambda m: f"({m[2]}-{m[1]})"),
    (re.compile(rf"\b(?:multiply|multiplying) {_N} (?:by|with|times) {_N}"), lambda m: f"({m[1]}*{m[2]})"),
    (re.compile(rf"\b(?:divide|dividing) {_N} by {_N}"), lambda m: f"({m[1]}/{m[2]})"),
    (re.compile(rf"\bquotient(?: of)? {_N} and {_N}"), lambda m: f"({m[1]}/{m[2]})"),
    (re.compile(rf"\bdifference (?:between|of|from) {_N} (?:and|to) {_N}"), lambda m: f"difference({m[1]},{m[2]})"),
    (re.compile(rf"\b{_N}\s*(?:%|percent|per cent) of {_N}"), lambda m: f"({m[1]}*{m[2]}/100)"),
    (re.compile(rf"\bhalf(?: of)? {_N}"), lambda m: f"({m[1]}/2)"),
    (re.compile(rf"\b(?:double|twice) {_N}"), lambda m: f"(2*{m[1]})"),
    (re.compile(rf"{_N} squared"), lambda m: f"({m[1]}**2)"),
    (re.compile(rf"{_N} cubed"), lambda m: f"({m[1]}**3)"),
    (re.compile(r"\b(?:multiplied by|times)\b|[\u00d7\u22c5\u00b7]|(?<=\d)\s*x\s*(?=\d)"), lambda _: "*"),
    (re.compile(r"\b(?:divided by|over)\b|[\u00f7:](?=\s*\d)"), lambda _: "/"),
    (re.compile(r"\b(?:plus|added to)\b"), lambda _: "+"),
    (re.compile(r"\bminus\b|\bless\b"), lambda _: "-"),
    (re.compile(r"\b(?:raised )?to the power(?: of)?\b|\^"), lambda _: "**"),
)  # fmt: skip
_PAIR: Final = re.compile(rf"{_N} (?:and|then|and then|with) {_N}")
_TOGETHER: Final = re.compile(r"\b(?:together|altogether|in total|total up|add up|add|sum|on top|combined)\b")
_INFIX: Final = re.compile(rf"{_N}(?:\s+[-+*/]\s+{_N})+")
_WANTS_RESULT: Final = re.compile(
    r"\b(?:what|which|how much|result|answer|total|sum|give|tell|calculate|compute|work out)\b"
)
_ABOUT: Final = re.compile(
    r"\b(?:why|explain|mean|translate|spell|write|story|poem|who|when|history|example|python|code)\b"
)
_MOST_WORDS: Final = 30
_EXPRESSION: Final = re.compile(r"[-+*/().,\d\sdifernc]+")


def _power(one: Fraction, other: Fraction) -> Fraction:
    if other.denominator != 1 or not 0 <= other <= 20 or abs(one) > 10**6:
        raise OverflowError("too large a power")
    return one ** int(other)


_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: _power,
}


def read_arithmetic(prompt: str) -> tuple[Constraint, ...]:
    """The one expression that the prompt asks to work out, where nothing but polite words stands around it.

    >>> [found.get("value") for found in read_arithmetic("Hi, what is 37 plus 48, please?")]
    [85.0]
    >>> read_arithmetic("Anna has 5 apples and buys 4. How many has she?")
    ()
    """
    value = value_of(prompt)
    if value is None:
        return ()
    values = tuple(float(one) for one in value)
    return (
        Constraint(
            "arithmetic",
            (("value", values[0]),),
            decides=True,
            check=lambda answer: _check(answer, values),
        ),
    )


def value_of(prompt: str) -> tuple[Fraction, ...] | None:
    """What the prompt's expression comes to, exactly; two values for a difference whose order it leaves open."""
    if len(prompt) > _LONGEST or sum(map(str.isdigit, prompt)) > 60:
        return None
    text = re.sub(r"(?<![\w-])one\b(?!-)", "1", readable(without_courtesies(prompt))).strip()
    if not _CALCULATES.search(text) and _BARE.search(text):
        return None  # 9/11 and 24-7 are no sums
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", _in_digits(text))
    for form, write in _FORMS:
        plain = form.sub(lambda found, write=write: f" {write(found)} ", plain)  # type: ignore[misc]  # bound at once
    for one in (_bare(plain), _within(plain)):
        if one is not None:
            return one
    return None


def _bare(text: str) -> tuple[Fraction, ...] | None:
    """The value where nothing but polite words stands around the expression."""
    plain = _FILLER.sub(" ", text.replace("difference(", "\0(")).replace("\0(", "difference(")
    plain = re.sub(r"[?!,.;:=]+(?=\s|$)", " ", plain.strip(" \t\n?!.=:,;'\"`$_")).strip()
    pair = _PAIR.fullmatch(plain)
    if pair is not None and _TOGETHER.search(text):
        plain = f"{pair[1]} + {pair[2]}"
    if not _EXPRESSION.fullmatch(plain) or not re.search(r"[-+*/]\s*[\d(-]|difference", plain.lstrip("-")):
        return None
    return _values(plain)


def _within(text: str) -> tuple[Fraction, ...] | None:
    """The value of the one expression in a prompt that asks for a result and has no other number in it."""
    found = list(_INFIX.finditer(text))
    if (
        len(found) != 1
        or not _WANTS_RESULT.search(text)
        or _ABOUT.search(text)
        or len(text.split()) > _MOST_WORDS
    ):
        return None
    rest = text[: found[0].start()] + text[found[0].end() :]
    return None if re.search(r"\d", rest) else _values(found[0][0])


def _values(plain: str) -> tuple[Fraction, ...] | None:
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
        if isinstance(tree, ast.Call):
            one, other = map(_worked, tree.args)
            return (abs(one - other), one - other)
        return (_worked(tree),)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError):
        return None


def _in_digits(text: str) -> str:
    for one in reversed(numbers_in(text)):
        if one.in_words and len(one.values) == 1:
            text = f"{text[: one.start]}{next(iter(one.values)):g}{text[one.end :]}"
    return text


def _joined(found: re.Match[str], sign: str) -> str:
    return "(" + sign.join(re.findall(r"-?\d+(?:\.\d+)?", found[0])) + ")"


def _worked(node: ast.AST) -> Fraction:
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _worked(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return Fraction(_OPERATORS[type(node.op)](_worked(node.left), _worked(node.right)))
    raise ValueError(f"no arithmetic: {ast.dump(node)}")


def _check(answer: str, values: tuple[float, ...]) -> Finding:
    found = stated(answer)
    if found.number is None:
        return Finding(0.0, found.why)
    right = any(found.number.is_(value) or _rounded(found.number.values, value) for value in values)
    given = " or ".join(f"{value:g}" for value in sorted(found.number.values))
    return holds(right, f"says {given}, worked out {values[0]:g}")


def _rounded(given: frozenset[float], value: float) -> bool:
    """Whether it is the value to two decimals or more, where the value has more than four."""
    return abs(value * 10**4 - round(value * 10**4)) > 1e-6 and any(
        abs(one - value) <= 0.005 for one in given
    )
