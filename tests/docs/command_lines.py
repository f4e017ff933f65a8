"""Commands of ours as they stand on pages and in texts: found, and held against the real command line, not run."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from belay.cli import app
from belay.lazy import real

IN_TEXT = re.compile(r"`([^`]+)`")
MENTION = re.compile(r"(?<![\w./`-])belay ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)")
SHELLS = {"", "console", "bash", "sh", "shell", "text"}
_ENDS = {"&", "&&", "|", "||", ";", "(", ")", "<", ">", ">>"}
_PLACEHOLDER = re.compile(r"[A-Z_]+")


@dataclass(frozen=True)
class Line:
    """`belay WORDS`.

    A mention (`belay train` or `belay serve --adapter` in a sentence) names a command and perhaps options, and gives
    no values: that all of them exist is what is asked of it.
    """

    words: tuple[str, ...]
    mention: bool = False

    def __str__(self) -> str:
        return f"belay {shlex.join(self.words)}"


def mistake(line: Line) -> str | None:
    """What is wrong with a command line: no such command or option, an argument that is missing or of no use."""
    command, path, rest = typer.main.get_command(app), ["belay"], list(line.words)
    while hasattr(command, "commands"):
        if not rest:
            return None if line.mention else f"{' '.join(path)}: a group, of whose commands none is named"
        if rest[0].startswith("-"):
            return _unknown(command, path, rest[:1])
        if rest[0] not in command.commands:
            return f"{' '.join(path)}: no such command: {rest[0]}"
        command = real(command, rest[0])
        path.append(rest.pop(0))
    return _unknown(command, path, rest) if line.mention else _refused(command, path, rest)


def _unknown(command: Any, path: list[str], options: list[str]) -> str | None:
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    unknown = [word for word in options if word not in known]
    return f"{' '.join(path)}: no such option: {', '.join(unknown)}" if unknown else None


def _refused(command: Any, path: list[str], rest: list[str]) -> str | None:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # what --help prints
            command.make_context(" ".join(path), rest)
    except typer.Exit:
        return None
    except Exception as error:  # noqa: BLE001 - click's errors have one base, which typer keeps under a private name
        return f"{' '.join(path)}: {getattr(error, 'message', None) or type(error).__name__}"
    return None


def lines_of_shell(text: str) -> Iterator[Line]:
    """The commands of ours in a line of shell: after a prompt, variables, `&&`, or `python -m`."""
    lexer = shlex.shlex(re.sub(r"^\s*\$ ", "", text), posix=True, punctuation_chars="();<>|&")
    lexer.commenters, lexer.whitespace_split = "", True
    try:
        parts = list(lexer)
    except ValueError:  # a quote of a sentence, no shell
        parts = text.split()
    comment = next((number for number, part in enumerate(parts) if part.startswith("#")), len(parts))
    words: list[str] = []
    aside = False
    for word in [*parts[:comment], ";"]:
        if word not in _ENDS:
            words.append(word)
            continue
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words.pop(0)
        if "-m" in words[:-1] and words[words.index("-m") + 1] == "belay":
            words = words[words.index("-m") + 1 :]
        if words[:1] == ["belay"] and words[1:] and not _PLACEHOLDER.fullmatch(words[1]):
            yield Line(tuple(words[1:]), mention=aside)
        words, aside = [], word == "("


def lines_of_text(text: str) -> Iterator[Line]:
    """The commands of ours that stand in backticks in a text; one with neither option nor argument is a mention."""
    for code in IN_TEXT.findall(text):
        for line in lines_of_shell(" ".join(code.split())):
            yield Line(line.words, mention=_names_only(line.words))


def _names_only(words: tuple[str, ...]) -> bool:
    command, rest = typer.main.get_command(app), list(words)
    while rest and hasattr(command, "commands") and rest[0] in command.commands:
        command = real(command, rest.pop(0))
    return all(word.startswith("--") and "=" not in word for word in rest)


def lines_of_page(page: str) -> Iterator[Line]:
    """The commands of ours on a Markdown page: in fenced and indented blocks, and in code within lines."""
    fence: str | None = None
    held = ""
    for line in page.splitlines():
        if line.lstrip().startswith("```"):
            fence = line.lstrip()[3:].strip() if fence is None else None
            continue
        if fence is None and not line.startswith("    "):
            yield from lines_of_text(line)
        elif fence in (None, *SHELLS):
            held += line
            if held.endswith("\\"):
                held = held[:-1] + " "
                continue
            yield from _lines_of_block(held)
            held = ""
        else:
            yield from lines_of_text(line)


def _lines_of_block(line: str) -> Iterator[Line]:
    found = list(lines_of_shell(line))
    yield from found
    if not found:  # a picture in letters, or words about commands
        yield from (Line(tuple(named.split()), mention=True) for named in MENTION.findall(line))
        yield from lines_of_text(line)
