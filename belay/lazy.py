"""Commands that are imported when they are run: `belay --help` and each command load no other command's modules."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Entry(NamedTuple):
    """A command as its group lists it. `where` is `module:name` of a function, or of a Typer with commands below."""

    where: str
    panel: str | None
    help: str


class LazyGroup(TyperGroup):
    """A group some of whose commands are known by an `Entry` until one is run. `table` is set by `lazy`."""

    table: dict[str, Entry]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        listed: dict[str, Any] = {
            name: TyperCommand(name=name, help=entry.help, rich_help_panel=entry.panel)
            for name, entry in self.table.items()
        }
        self.commands = {**listed, **self.commands}

    # Typer brings a click of its own under a private name, so that click's types cannot be said here.
    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is to be run, imported now."""
        if args and args[0] in self.table:
            return args[0], self.load(args[0]), args[1:]
        return super().resolve_command(ctx, args)

    def load(self, name: str) -> Any:
        """The real command behind a name, its module imported."""
        if name not in self.table:
            return self.commands[name]
        module, _, attribute = self.table[name].where.partition(":")
        found = getattr(import_module(module), attribute)
        group = isinstance(found, typer.Typer)
        command: Any = typer.main.get_group(found) if group else typer.main.get_command(_alone(name, found))
        command.name = name
        return command


def real(group: Any, name: str) -> Any:
    """The command of a group, lazy or not. Raises KeyError where it has none of that name."""
    return group.load(name) if isinstance(group, LazyGroup) else group.commands[name]


def lazy(table: dict[str, Entry]) -> type[LazyGroup]:
    """The class of a group with these commands, for `typer.Typer(cls=...)`."""
    return type("Lazy", (LazyGroup,), {"table": table})


def _alone(name: str, function: Any) -> typer.Typer:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")
    app.command(name)(function)
    return app
