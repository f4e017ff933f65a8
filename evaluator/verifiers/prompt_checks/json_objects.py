"""The JSON object that a prompt asks for: its keys, and the values that its material makes certain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from evaluator.verifiers.json_values import compare_object, objects_in
from evaluator.verifiers.phrases import contains
from evaluator.verifiers.prompt_checks.constraint import Constraint, Finding
from evaluator.verifiers.prompt_checks.kinds import KINDS, names_in
from evaluator.verifiers.prompt_checks.material import parts_of

_JSON: Final = re.compile(r"\bjson\b", re.IGNORECASE)
_KEY: Final = r"[\"'`\u201c\u2018]?([A-Za-z_]\w{0,40})[\"'`\u201d\u2019]?"
_KEYS: Final = re.compile(
    rf"\b(?:keys?|fields?|properties|attributes|names)\b(?: (?:are|being|named|called"
    rf"|should be|must be))?\s*[:,]?\s*(?P<list>{_KEY}(?:\s*(?:,|and|&|,\s*and)\s*{_KEY})*)",
    re.IGNORECASE,
)
_WITH: Final = re.compile(
    rf"\bjson\b(?: (?:object|format|output))?\s+(?:with|having|containing|of)\s+(?:the "
    rf"|a |an )?(?P<list>{_KEY}(?:\s*(?:,|and|&|,\s*and)\s*{_KEY})*)",
    re.IGNORECASE,
)
_NAME: Final = r"[\"'`\u201c][A-Za-z_]\w{0,40}[\"'`\u201d]"
_IN_A_ROW: Final = re.compile(rf"{_NAME}(?:\s*(?:,|and|&|,\s*and)\s*{_NAME})+")
_TEMPLATE: Final = re.compile(r"\{[^{}]*\}")
_NO_KEY_WORDS: Final = """
the a an for of this these following and exactly two three four only object keys key from in with values value fields
field please thanks thank json
"""
_NO_KEYS: Final = frozenset(_NO_KEY_WORDS.split())
_PERSONS: Final = frozenset(
    ["name", "customer", "person", "first_name", "who", "buyer", "guest", "reporter", "sender", "author", "owner",
     "employee", "user", "client", "contact", "patient", "student", "caller", "seller", "driver", "from"]
)  # fmt: skip
_RECEIVERS: Final = frozenset(["receiver", "recipient", "addressee", "to"])
_FIGURES: Final = frozenset(
    ["quantity", "count", "amount", "price", "cost", "number", "total", "pieces", "hours", "minutes", "days"]
)
_KIND_OF_KEY: Final[Mapping[str, str]] = {
    "city": "city", "town": "city", "place": "city", "location": "city", "job": "job", "occupation": "job",
    "profession": "job", "day": "day", "weekday": "day", "date": "date", "price": "price", "cost": "price",
    "amount": "price", "email": "email", "phone": "phone", "year": "year", "since": "year", "order": "number",
    "order_number": "number", "order_id": "number", "invoice": "number", "id": "number",
}  # fmt: skip
_AGE: Final = re.compile(
    r"\b(\d{1,3})[ -]years?\b|\baged? (?:of )?(\d{1,3})\b|\bis (\d{1,3})(?=[\s.,;]|$)|,\s*(\d{1,3}),",
    re.IGNORECASE,
)


def read_json_objects(prompt: str) -> tuple[Constraint, ...]:
    """The object with the keys that the prompt names.

    It decides where the material makes at least half of the values certain; the others have to stand in it. A wrong
    value that stands there under another name is then not seen.

    >>> [found.get("wanted") for found in read_json_objects("JSON with the keys name and age, please: Laura is 33.")]
    [{'name': 'Laura', 'age': 33}]
    """
    if not _JSON.search(prompt) and not re.search(r"\{\s*\"\w+\"\s*:", prompt):
        return ()
    schema = _schema(prompt)
    keys = schema or keys_of(prompt)
    if not keys:
        return ()
    material = parts_of(_TEMPLATE.sub(" ", prompt)).material
    wanted = {key: certain_value(key, material) for key in keys}
    certain = sum(value is not None for value in wanted.values())
    decides = not schema and bool(material) and 2 * certain >= len(wanted)
    return (
        Constraint(
            "json", (("wanted", wanted),), decides, lambda answer: _check(answer, wanted, material or prompt)
        ),
    )


def keys_of(prompt: str) -> list[str]:
    """The keys that the prompt names: in a list behind "keys", or in a template of the object."""
    for template in _TEMPLATE.findall(prompt):
        found = re.findall(r"[\"'](\w+)[\"']\s*:", template)
        if found:
            return list(dict.fromkeys(found))
    if quoted := _quoted_names(prompt):
        return quoted
    for pattern in (_KEYS, _WITH):
        for said in pattern.finditer(prompt):
            keys = [
                key
                for key in re.findall(rf"(?:^|[\s,&]){_KEY}(?=[\s,&.:;)\"'`]|$)", said["list"])
                if key.lower() not in _NO_KEYS
            ]
            if keys:
                return list(dict.fromkeys(keys))
    return []


def _quoted_names(prompt: str) -> list[str]:
    """Two quoted names or more, one after the other."""
    found = _IN_A_ROW.search(prompt)
    return list(dict.fromkeys(re.findall(r"[\"'`\u201c](\w+)[\"'`\u201d]", found[0]))) if found else []


def _schema(prompt: str) -> list[str]:
    """The required properties of a JSON schema that stands in the prompt."""
    for found in objects_in(prompt):
        properties = found.get("properties")
        if isinstance(properties, dict) and properties:
            required = found.get("required")
            return [str(key) for key in (required if isinstance(required, list) and required else properties)]
    return []


def certain_value(key: str, material: str) -> Any:
    """The value of a key, where the material has exactly one thing that it can be; None else."""
    plain = key.lower()
    stated = re.findall(
        rf"\b{re.escape(plain.replace('_', ' '))}\b(?: number| no\.?)?(?: is"
        rf"|:|=| of)?\s+[\"']?(\d+|[A-Z][\w-]+)",
        material,
    )
    if len(set(stated)) == 1:
        return _plain(stated[0])
    if plain == "age":
        ages = {next(filter(None, found)) for found in _AGE.findall(material)}
        return int(ages.pop()) if len(ages) == 1 else None
    if plain in _FIGURES:
        figures = set(re.findall(r"(?<![\w.,-])(\d+)(?![\w,-]|\.\d)", material))
        return int(figures.pop()) if len(figures) == 1 else None
    if plain in _RECEIVERS:
        there = {name for name, where in names_in(material) if where == "towards"}
    elif plain in _PERSONS:
        there = set(KINDS["person"][1](material))
    else:
        kind = _KIND_OF_KEY.get(plain)
        there = set(KINDS[kind][1](material)) if kind is not None else set()
    return _plain(there.pop()) if len(there) == 1 else None


def _plain(text: str) -> Any:
    return int(text) if re.fullmatch(r"0|[1-9]\d{0,14}", text) else text


def _check(answer: str, wanted: Mapping[str, Any], material: str) -> Finding:
    said = compare_object(answer, wanted)
    if not said.value or said.value < 1.0:
        return Finding(said.value or 0.0, said.reason)
    given = objects_in(answer)[0]
    strange = [key for key, value in wanted.items() if value is None and not _stands(given[key], material)]
    if strange:
        return Finding(0.5, f"{', '.join(strange)} does not stand in the material")
    return Finding(1.0, said.reason)


def _stands(value: Any, material: str) -> bool:
    """Whether a value, or each in a list, stands in the material; true, false and null need not."""
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, list):
        return all(_stands(one, material) for one in value)
    if isinstance(value, Mapping):
        return all(_stands(one, material) for one in value.values())
    return contains(material, str(value))
