"""Asking the engines of a rollout's arms whether they serve the arms' models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from serving.engines.address import ModelAddress
from serving.engines.arms import Endpoint, addresses_of
from serving.engines.attestation import Attestation, attestation_of
from serving.engines.identity import Identity
from serving.engines.identity_probes import AT_ONCE, TOKENS_OF_OURS, VERSION, NotServed, ask_probes, engine_of
from serving.engines.references import reference_of
from serving.models.store import StoredModel
from telemetry.errors import EngineFailed, SettingsError
from telemetry.events import Arm


@dataclass(frozen=True, slots=True)
class Served:
    """A model, and where it should be answering. `base` is the same of the model that it was made from."""

    model: StoredModel
    address: ModelAddress
    base: Served | None = None

    def __str__(self) -> str:
        return (
            f"{self.model.manifest.kind} {self.model.name!r} (sha256 {self.model.manifest.sha256[:12]}) at "
            f"{self.address.root}, asked as {self.address.model!r}"
        )


class Found(NamedTuple):
    """What became of asking one replica of an arm."""

    arm: Arm
    served: Served
    attestation: Attestation

    def __str__(self) -> str:
        return f"{self.served}: {self.attestation.told}"


def attest_served(served: Served) -> Attestation:
    """Whether that model answers there. Where no reference of it or of its base was kept, base is asked beside it.

    Raises EngineFailed where nobody answers, SettingsError where a key is missing, AttestationError where a reference
    was changed.
    """
    known = reference_of(served.model)
    base = None if served.base is None else reference_of(served.base.model)
    tokens = TOKENS_OF_OURS if known is None else known.tokens
    try:
        said = ask_probes(served.address, tokens, at_once=AT_ONCE)
    except NotServed as error:
        return Attestation(state="refused", told=error.message)
    if served.base is not None and (base is None or known is None):
        base = _said_once(served.base.address, tokens)
    found = attestation_of(known, said, base)
    if known is None or found.state != "refused":
        return found
    engine = engine_of(served.address)
    if engine == known.engine:
        return found
    told = f"{found.told} (the reference was taken on {known.engine}, this is {engine})"
    return Attestation(state="refused", told=told)


def attest_arms(
    base: StoredModel, candidate: StoredModel, arms: tuple[Endpoint, Endpoint], alias: str
) -> Iterator[Found]:
    """Ask each replica of both arms, base's first; `alias` is the name where an endpoint has none.

    What could not be asked is unknown, with the reason. Raises AttestationError where a reference was changed.
    """
    control_at, candidate_at = arms
    beside = Served(base, addresses_of(control_at, alias)[0])
    for address in addresses_of(control_at, alias):
        yield Found("control", *_asked(Served(base, address)))
    itself = candidate.manifest.sha256 == base.manifest.sha256
    for address in addresses_of(candidate_at, alias):
        yield Found("candidate", *_asked(Served(candidate, address, None if itself else beside)))


def _asked(served: Served) -> tuple[Served, Attestation]:
    try:
        return served, attest_served(served)
    except (EngineFailed, SettingsError) as error:
        return served, Attestation(state="unknown", told=f"it could not be asked: {error.message}")


def _said_once(address: ModelAddress, tokens: int) -> Identity:
    """What is answered there now, for one comparison."""
    said = tuple(ask_probes(address, tokens, at_once=AT_ONCE))
    return Identity(version=VERSION, engine="", answers=said, noise=0.0, alike=1.0, tokens=tokens)
