"""YAML that people write: its values, the line of each, and edits that leave comments and layout alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Place = tuple[str | int, ...]
"""Where a value stands: the keys and list indices that lead to it."""


class YamlError(ValueError):
    """Text that is no YAML, or YAML that says two things at once; the message names the line."""


@dataclass(frozen=True, slots=True)
class YamlText:
    """A parsed text. `data` is what it says, `nodes` are its parts by place, `lines` where each begins (from 1)."""

    text: str
    data: Any
    nodes: Mapping[Place, yaml.Node]
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int | None:
        """The line of what stands at `place`, its key included, or else of the innermost part that would hold it."""
        held = (place[:length] for length in range(len(place), 0, -1))
        return next((self.lines[part] for part in held if part in self.lines), None)

    def replaced(self, values: Mapping[Place, str]) -> str:
        """The text with other scalars at these places; everything else stays, byte for byte.

        Raises YamlError where that cannot be done: no scalar there, or one that an alias repeats elsewhere.
        """
        cuts: list[tuple[int, int, str]] = []
        for place, value in values.items():
            node = self.nodes.get(place)
            where = ".".join(map(str, place))
            if not isinstance(node, yaml.ScalarNode):
                raise YamlError(f"{where}: there is no single value to replace")
            if sum(other is node for other in self.nodes.values()) > 1:
                raise YamlError(f"{where}: its value is shared by an alias; write it out first")
            cuts.append((node.start_mark.index, node.end_mark.index, value))
        text = self.text
        for start, end, value in sorted(cuts, reverse=True):
            text = text[:start] + value + text[end:]
        return text


def read_yaml(text: str) -> YamlText:
    """Parse one document. Raises YamlError for what is no YAML, and for a key that stands twice in one mapping.

    YAML itself lets the later of two equal keys win without a word; in a file that people review, that is a
    setting which nobody sees.
    """
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        parts = list(_parts(root, (), root)) if root is not None else []
        data = loader.construct_document(root) if root is not None else None
    except yaml.YAMLError as error:
        raise YamlError(str(error)) from error
    except RecursionError as error:
        raise YamlError("it is nested too deeply") from error
    finally:
        loader.dispose()
    return YamlText(
        text=text,
        data=data,
        nodes={place: node for place, node, _ in parts},
        lines={place: int(start.start_mark.line) + 1 for place, _, start in parts},
    )


def _parts(node: yaml.Node, place: Place, start: yaml.Node) -> Iterator[tuple[Place, yaml.Node, yaml.Node]]:
    """Every part of the document: its place, itself, and what it begins with (its key, where it has one)."""
    yield place, node, start
    if isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _parts(value, (*place, index), value)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), int(key.start_mark.line) + 1
            if name in seen:
                raise YamlError(
                    f"line {line}: the key {name!r} stands there twice, first in line {seen[name]}"
                )
            seen[name] = line
            yield from _parts(value, (*place, name), key)
