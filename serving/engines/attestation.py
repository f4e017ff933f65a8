"""Whether an engine serves the model that it should, by what it answered to the probes: a pure decision.

The name under which a model is served says what somebody meant to load. An adapter that was never applied answers as
base under the candidate's name, and nothing in its answers' envelope tells. So what is answered is compared twice: with
the reference that was kept of the model when it was audited, and with what base answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from serving.engines.identity import Comparison, Identity, ProbeAnswer, compare, gap_between
from telemetry.events import Value

ROUNDING: Final = 0.15
"""Nats: another precision moves a model's first tokens by less. Measured on SmolLM2-135M: 0.10 to 0.11 from bfloat16 to
float32, 0.10 from an adapter to the same one merged into its base (docs/serving.md)."""

State = Literal["attested", "unknown", "refused"]


class Attestation(Value):
    """`attested` it is the model, `refused` it is another one, `unknown` nobody can tell; `told` says why.

    What is `unknown` is for a policy to decide; `refused` never is.
    """

    state: State
    told: str


def attestation_of(
    known: Identity | None, said: Sequence[ProbeAnswer], base: Identity | None = None
) -> Attestation:
    """Whether the model that `known` is of said this; None where no reference of it was kept.

    `base` is what the model that it was made from answers, as it was kept or asked beside it; None where the model is
    a base itself, and where nobody knows.
    """
    if known is None:
        return _without_reference(said, base)
    found = compare(known, said)
    if not found.same:
        return Attestation(state="refused", told=f"{_whose(found, said, base)}: {found.told}")
    if found.gap is None:
        return Attestation(
            state="unknown", told=f"nothing but its greedy answers could be compared: {found.told}"
        )
    if base is not None and base.tells_logprobs:
        apart = gap_between(known.answers, base.answers)
        if apart <= known.tolerance:
            told = f"base would pass for it, {apart:.3g} nats from its reference: {found.told}"
            return Attestation(state="unknown", told=told)
        return Attestation(state="attested", told=f"{found.told}; base is {apart:.3g} nats away")
    return Attestation(state="attested", told=found.told)


def _without_reference(said: Sequence[ProbeAnswer], base: Identity | None) -> Attestation:
    none = "no reference of it was kept"
    if base is None:
        return Attestation(state="unknown", told=none)
    if not base.tells_logprobs or not all(answer.first for answer in said):
        return Attestation(state="unknown", told=f"{none}, and the engine tells no log-probabilities")
    apart = gap_between(base.answers, said)
    if apart <= base.noise:
        told = f"base answers in its place, was the adapter applied? First tokens are {apart:.3g} nats from base's, "
        return Attestation(state="refused", told=f"{told}expected a difference")
    return Attestation(state="unknown", told=f"{none}; its first tokens are {apart:.3g} nats from base's")


def _whose(found: Comparison, said: Sequence[ProbeAnswer], base: Identity | None) -> str:
    """Whose answers these are, where they are not the model's."""
    if base is not None:
        as_base = compare(base, said)
        nearer = found.gap is None or as_base.gap is None or as_base.gap < found.gap
        if as_base.same and nearer:
            return "base answers in its place, was the adapter applied?"
    if found.gap is not None and found.gap <= ROUNDING:
        return "another model answers, or this one in another precision or on other hardware"
    return "another model answers"
