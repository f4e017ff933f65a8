"""Whether a client can tell the router from vLLM: forms of requests byte for byte, and real clients in every mode.

    python bench/fidelity.py           # both arms, all clients, embeddings too: some ten minutes on two cores
    python bench/fidelity.py --quick   # the candidate's arm, without embeddings: some four minutes

A vLLM with the packaged model is asked directly and through the router. It makes environments of its own for the
official clients of Python and Node, LiteLLM and LangChain in `.belay/bench`; vLLM's benchmark client is the
project's, curl and Node are the system's. A client that is not there is named among what is missing.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from _fidelity import figures, parties
from _shape import Result, arguments, finish

from telemetry.events import Arm

ARMS: tuple[Arm, ...] = ("candidate", "control")


def measure(result: Result, folder: Path) -> None:
    """All of it."""
    tally = figures.Tally()
    model = parties.base_in(folder)
    arms = ARMS[:1] if result.quick else ARMS
    for kind in ("generating",) if result.quick else ("generating", "embedding"):
        with ExitStack() as stack:
            embeds = kind == "embedding"
            engine = stack.enter_context(parties.engine(model, folder, embeds=embeds))
            routers = {
                arm: stack.enter_context(parties.router(folder / f"{kind}-{arm}", engine, arm))
                for arm in arms
            }
            if not embeds:
                for router in routers.values():
                    figures.forms(tally, engine, router)
            figures.clients(tally, result, kind, engine, routers, model)
    figures.tell(result, tally)


def main() -> None:
    given = arguments(__doc__ or "")
    result = Result("fidelity", given.quick, given.seed)
    with tempfile.TemporaryDirectory() as folder:
        measure(result, Path(folder))
    finish(result, as_json=given.json)


if __name__ == "__main__":
    main()
