"""Every command that a page, a help text or a message names is one that the command line takes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from belay.cli import app
from belay.lazy import real
from tests.docs.command_lines import IN_TEXT, Line, lines_of_page, lines_of_shell, lines_of_text, mistake
from tests.places import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "bench" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
FOLDERS = ("telemetry", "serving", "router", "evaluator", "trainer", "belay")


def every_command(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command and group by what is typed, loaded."""
    for name in group.commands:
        command = real(group, name)
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from every_command(command, *path, name)


EVERY = dict(every_command(typer.main.get_command(app)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_is_one_that_the_command_line_takes(page: Path) -> None:
    found = list(lines_of_page(page.read_text(encoding="utf-8")))
    assert {str(line): wrong for line in found if (wrong := mistake(line))} == {}


@pytest.mark.parametrize(
    "typed",
    [
        "belay audit mine --junti audit.xml",
        "belay adit mine",
        "belay rollout rolback ID --by you --reason why",
        "belay audit",
        "belay rollout rollback ID --by you",
        "belay models extra",
        "belay plan brief.yaml --shadow lots",
        "belay rollout draft mine --advance whenever",
        "belay rollout",
        "belay --instal-completion",
    ],
)
def test_a_line_that_the_command_line_refuses_is_found(typed: str) -> None:
    page = f"Some words.\n\n    {typed}\n\n```console\n$ {typed} && echo done   # really\n```\n"
    assert [bool(mistake(line)) for line in lines_of_page(page)] == [True, True]


def test_an_option_that_does_not_exist_is_found_in_a_sentence_too() -> None:
    (line,) = lines_of_text("Then `belay train run.yaml --no-adit` trains.")
    assert "--no-adit" in str(mistake(line))


def test_a_command_named_in_a_sentence_needs_no_arguments_and_has_to_exist() -> None:
    assert [mistake(line) for line in lines_of_text("`belay train` after `belay rollout rollback`")] == [
        None,
        None,
    ]
    assert all(mistake(line) for line in lines_of_text("`belay trian`"))


def test_commands_are_found_where_they_stand() -> None:
    page = (
        "Run `belay map measure`, or `accelerate launch -m belay train run.yaml`.\n\n"
        "    belay models && belay serve base --port 8001 &   # belay not\n"
        "    BELAY_LOG=json belay up \\\n        router\n"
        "    scores (belay watch)\n\n"
        "```yaml\nbelay: no command   # `belay doctor` says it\n```\n"
    )
    assert list(lines_of_page(page)) == [
        Line(("map", "measure"), mention=True),
        Line(("train", "run.yaml")),
        Line(("models",)),
        Line(("serve", "base", "--port", "8001")),
        Line(("up", "router")),
        Line(("watch",), mention=True),
        Line(("doctor",), mention=True),
    ]


def test_quotes_comments_and_urls_are_read_as_a_shell_reads_them() -> None:
    typed = 'belay override a --by Ada --reason "a; b # c"; belay adopt http://x:1/v1#m --as base # no'
    assert [line.words for line in lines_of_shell(typed)] == [
        ("override", "a", "--by", "Ada", "--reason", "a; b # c"),
        ("adopt", "http://x:1/v1#m", "--as", "base"),
    ]


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_the_help_of_every_command_has_examples_of_it_that_the_command_line_takes(
    path: tuple[str, ...],
) -> None:
    said = inspect.cleandoc(EVERY[path].help or "").split("\n\n")
    examples = [paragraph for paragraph in said if paragraph.startswith("Example: `")]
    assert examples == said[-1:], f"belay {' '.join(path)} has no example at its end"
    found = [" ".join(code.split()) for code in IN_TEXT.findall(examples[0])]
    assert all(code.startswith(f"belay {' '.join(path)}") for code in found)
    assert examples[0].endswith("`"), "whoever copies it would copy a full stop"
    lines = [line for code in found for line in lines_of_shell(code)]
    assert len(lines) == len(found)
    assert {str(line): wrong for line in lines if (wrong := mistake(line))} == {}


def texts_of(file: Path) -> Iterator[str]:
    """Every string of a module, comments left out; what is filled in later is an `X`."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    within: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            within |= {id(part) for part in node.values}
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.value


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_command_that_a_message_or_a_docstring_names_is_one_that_the_command_line_takes(
    folder: str,
) -> None:
    wrong = {
        f"{file.relative_to(ROOT)}: {line}": told
        for file in sorted((ROOT / folder).rglob("*.py"))
        for text in texts_of(file)
        for line in lines_of_text(text)
        if (told := mistake(line))
    }
    assert wrong == {}
