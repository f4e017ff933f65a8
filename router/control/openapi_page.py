"""The API as a page: what may be asked, with what, and what comes back. Made of the OpenAPI document, without a script.

FastAPI's own page takes its scripts from an address outside; this one needs nothing but itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, Final

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
code{font-size:.9em}h2{font-size:1rem;margin:1.6rem 0 .2rem}table{border-collapse:collapse;margin:.3rem 0}
td{padding:.1rem 1rem .1rem 0;vertical-align:top}
"""


def openapi_page(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    schemas = document.get("components", {}).get("schemas", {})
    parts = [
        _operation(method, path, operation)
        for path, methods in sorted(document["paths"].items())
        for method, operation in methods.items()
    ]
    parts.append("<h1>What they are made of</h1>")
    parts += [_schema(name, schema) for name, schema in sorted(schemas.items())]
    title = escape(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1><p>As JSON: <a href="openapi.json">openapi.json</a></p>{"".join(parts)}</html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        (escape(each["name"]), f"{each['in']}, {_type(each.get('schema', {}))}")
        for each in operation.get("parameters", [])
    ]
    if "requestBody" in operation:
        rows.append(("body", _content(operation["requestBody"])))
    rows += [
        (escape(status), f"{escape(answer.get('description', ''))}: {_content(answer)}")
        for status, answer in operation["responses"].items()
    ]
    heading = f"<code>{method.upper()} {escape(path)}</code>"
    return f"<h2>{heading}</h2>{_table(rows)}"


def _schema(name: str, schema: dict[str, Any]) -> str:
    about = escape(schema.get("description", "").split("\n\n")[0])
    needed = set(schema.get("required", ()))
    rows = [
        (escape(field), f"{_type(kind)}{', required' if field in needed else ''}")
        for field, kind in schema.get("properties", {}).items()
    ]
    return f'<h2 id="{escape(name)}">{escape(name)}</h2><p>{about}</p>{_table(rows)}'


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td><code>{name}</code></td><td>{told}</td></tr>" for name, told in rows)
    return f"<table>{cells}</table>"


def _content(part: dict[str, Any]) -> str:
    kinds = [_type(kind.get("schema", {})) for kind in part.get("content", {}).values()]
    return ", ".join(kinds) or "nothing"


def _type(schema: dict[str, Any]) -> str:
    return " or ".join(_kinds(schema)) or "anything"


def _kinds(schema: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).rpartition("/")[2])
        yield f'<a href="#{name}">{name}</a>'
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _kinds(part)
    if "enum" in schema:
        yield ", ".join(escape(repr(value)) for value in schema["enum"])
    elif schema.get("type") == "array":
        yield f"list of {_type(schema.get('items', {}))}"
    elif "type" in schema:
        yield escape(str(schema["type"]))
