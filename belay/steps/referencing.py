"""The reference by which a model is known again: taken where it is asked anyway, by its baseline or its audit."""

from __future__ import annotations

from rich.markup import escape

from belay.steps.asking import Asking, ModelAt
from serving.engines.attestation import attestation_of
from serving.engines.identity import Identity
from serving.engines.identity_probes import TOKENS_OF_OURS, ask_probes, engine_of, take_identity
from serving.engines.references import keep_reference, reference_of
from telemetry.errors import AttestationError


def keep_reference_of(where: ModelAt, asking: Asking) -> None:
    """Take the model's reference from what answers there, or compare it with the one that was taken before.

    It is taken anew on another version of the engine, and where nothing that was kept is to be used. Raises
    AttestationError where another model answers than before, EngineFailed where nobody does.
    """
    model, address = where.model, where.address
    known = _known(where)
    if known is not None and (model.manifest.engine is not None or _holds(known, where, asking)):
        found = attestation_of(known, ask_probes(address, known.tokens))
        if found.state == "refused":
            raise AttestationError(
                f"{model.name!r} does not answer at {address.root} as {address.model!r}: {found.told}",
                hint="See what that engine serves. Where another precision or device is meant, "
                + (
                    "`belay audit --no-cache`, of base `belay baseline --no-cache`, takes its reference anew."
                    if model.manifest.engine is None
                    else "adopt the URL again."
                ),
            )
        return
    identity = take_identity(address, TOKENS_OF_OURS)
    keep_reference(model.folder, identity)
    by = (
        f"its first tokens within {identity.tolerance:.3g} nats"
        if identity.tells_logprobs
        else "its greedy answers alone: the engine tells no log-probabilities"
    )
    asking.console.print(f"   [dim]{escape(model.name)} is known again by {by}[/]")


def _known(where: ModelAt) -> Identity | None:
    if where.model.manifest.engine is not None:
        return reference_of(where.model)
    try:
        return reference_of(where.model)
    except AttestationError:  # it says that it is to be taken again
        return None


def _holds(known: Identity, where: ModelAt, asking: Asking) -> bool:
    return asking.keep and known.engine == engine_of(where.address)
