"""The requests that are asked of both: what clients send, what they may send, and what nobody should.

`generating` wants text of the engine, `refusing` what it does not take, `writing` the same in other letters, and
`connecting` the same over HTTP as few speak it. `form` has what all are made of.
"""

from __future__ import annotations

from tests.router.fidelity.forms.connecting import connections
from tests.router.fidelity.forms.form import Form
from tests.router.fidelity.forms.generating import generating
from tests.router.fidelity.forms.refusing import refused
from tests.router.fidelity.forms.writing import texts

__all__ = ["Form", "all_forms"]


def all_forms(model: str) -> list[Form]:
    """All of them, about a model of this name."""
    return [*generating(model), *refused(model), *texts(model), *connections(model)]
