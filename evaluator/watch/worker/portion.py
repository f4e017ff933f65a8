"""Whose interactions a worker scores, where several routes have briefs, or learned judges, of their own. Pure.

Workers of one portion share its interactions; those of another read all of them and pass over what is not theirs. One
of all workers decides, whatever its portion: evidence needs no brief.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from telemetry.events import DEFAULT_ROUTE

GROUP: Final = "belay-scorer"


@dataclass(frozen=True, slots=True)
class Portion:
    """The interactions that asked for one of `models`, or for any without; never those that asked for `others`.

    >>> sql = Portion("acme/sql", models=frozenset({"acme/sql"}))
    >>> sql.group, sql.has("acme/sql"), sql.has("support")
    ('belay-scorer-acme%2Fsql', True, False)
    """

    name: str = DEFAULT_ROUTE
    models: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()

    @property
    def group(self) -> str:
        """The consumer group of its scorers; that of the default portion has the name that it always had."""
        return GROUP if self.name == DEFAULT_ROUTE else f"{GROUP}-{quote(self.name, safe='')}"

    @property
    def buries(self) -> bool:
        """Whether what cannot be read is its to tell: that names no model, and one dead letter is enough."""
        return not self.models

    def has(self, model: str) -> bool:
        """Whether interactions that asked for this model are its own."""
        return (not self.models or model in self.models) and model not in self.others
