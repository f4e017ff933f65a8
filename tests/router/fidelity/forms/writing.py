"""The same request in other letters: what JSON allows, what Python's reader takes beyond that, and neither."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.router.fidelity.forms.form import CHAT, Form, chat, post

_CONTENTS: Final = {
    "emoji": "Say \N{GRINNING FACE} in fran\u00e7ais \u4e2d\u6587",
    "lone surrogate": "half of one: \ud83d",
    "control characters": "a\u0000b\u0001c\u2028d\u007f",
}
_DEEP: Final = b"[" * 20_000 + b"]" * 20_000
_OWN: Final = frozenset({"headers", "body"})


def texts(model: str) -> Iterator[Form]:
    """All of them."""

    def said(content: str) -> dict[str, Any]:
        return chat(model, messages=[{"role": "user", "content": content}])

    for name, content in _CONTENTS.items():
        yield Form(f"text: {name}, escaped", (post(CHAT, said(content)),))
        yield Form(f"text stream: {name}, escaped", (post(CHAT, said(content) | {"stream": True}),))
        written = json.dumps(said(content), ensure_ascii=False).encode("utf-8", "surrogatepass")
        yield Form(f"text: {name}, as it is", (post(CHAT, written),))
    whole = json.dumps(chat(model), ensure_ascii=False)
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32"):
        yield Form(f"text in {encoding}", (post(CHAT, whole.encode(encoding)),))
    for name, body in _written(model, whole).items():
        yield Form(f"JSON: {name}", (post(CHAT, body.encode()),))
    nested = whole[:-1].encode() + b', "x": ' + _DEEP + b"}"
    yield Form("JSON: nested deep", (post(CHAT, nested),))
    named = nested[:-1] + b', "user": "ada"}'
    why = "a body that is parsed for its `user` and nested too deep is the router's own 400"
    yield Form("JSON: nested deep, with a user", (post(CHAT, named),), ("POST",), _OWN, why)


def _written(model: str, whole: str) -> dict[str, str]:
    inner = whole[1:]
    return {
        "two models, the last one counts": f'{{"model": "nobody", {inner}',
        "two models, the first one is right": f'{whole[:-1]}, "model": "nobody"}}',
        "two of all": f"{whole[:-1]}, {inner}",
        "two users": f'{{"user": "ada", {inner[:-1]}, "user": "bob"}}',
        "a user that is none": f'{whole[:-1]}, "user": 7}}',
        "an escaped key": whole.replace('"model"', r'"mod\u0065l"'),
        "an escaped model": whole.replace(f'"{model}"', f'"\\u{ord(model[0]):04x}{model[1:]}"'),
        "not a number": whole.replace('"temperature": 0', '"temperature": NaN'),
        "infinity": whole.replace('"temperature": 0', '"temperature": Infinity'),
        "a large number": whole.replace('"seed": 7', '"seed": 1' + "0" * 30),
        "blanks around it": f" \r\n\t{whole}\n\n",
        "a comment": f'{whole[:-1]}, /* now */ "n": 1}}',
        "a comma at the end": f"{whole[:-1]},}}",
    }
