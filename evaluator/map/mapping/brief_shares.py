"""Measured shares written into the brief: rounded so that they add up, in place, with every comment kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from evaluator.briefs.schema import SHARES_OFF
from evaluator.briefs.yaml_text import Place, YamlError, read_yaml
from evaluator.map.mapping.mapping import Measurement
from telemetry.errors import BriefError, UsageError

UNIT: Final = 0.001
"""What shares are rounded to; also the least that is written, since a share of 0 is no capability."""
WIDEST: Final = 0.10
"""An interval wider than 10 points says too little to overwrite what people wrote."""


def shares_to_write(measurement: Measurement) -> dict[str, float]:
    """Each capability's best estimate, rounded so that they add up to 1.

    Raises UsageError where the traffic says too little.
    """
    if measurement.widest > WIDEST:
        counted = max(c.measured.high - c.measured.low for c in measurement.capabilities)
        raise UsageError(
            f"the shares are known to within {100 * measurement.widest:.0f} points, and {100 * WIDEST:.0f} is the most "
            f"that may overwrite a brief: {measurement.queries:,} queries of {measurement.subjects:,} subjects, "
            f"{100 * counted:.0f} points without the tagger's errors",
            hint="Measure more traffic: without --max or --since, or later."
            if counted > WIDEST
            else "Give each capability more exemplars: how the tagger errs is known from too few.",
        )
    values = rounded([c.best.share for c in measurement.capabilities])
    return {c.name: value for c, value in zip(measurement.capabilities, values, strict=True)}


def rounded(shares: Sequence[float]) -> list[float]:
    """Shares in units of `UNIT`, none below one unit, that add up to 1: largest remainders (Hamilton).

    >>> rounded([0.6666, 0.3333, 0.0001])
    [0.666, 0.333, 0.001]
    """
    units, total = round(1 / UNIT), sum(shares)
    wanted = [max(1.0, share / total * units) for share in shares]
    # What the least ones were given above their due, the others give back in proportion.
    spare = units - len(shares)
    above = [w - 1.0 for w in wanted]
    exact = [1.0 + a / (sum(above) or 1.0) * spare for a in above]
    whole = [int(e) for e in exact]
    left = units - sum(whole)
    for index in sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])[:left]:
        whole[index] += 1
    return [w / units for w in whole]


def with_shares(text: str, shares: Mapping[str, float]) -> str:
    """The brief's text with these shares, by capability name; nothing else changes. Raises BriefError."""
    try:
        source = read_yaml(text)
        places: dict[Place, str] = {
            ("capabilities", index, "share"): f"{shares[capability['name']]:g}"
            for index, capability in enumerate(source.data["capabilities"])
        }
        changed = source.replaced(places)
        again = read_yaml(changed).data
    except (YamlError, KeyError, TypeError) as error:
        raise BriefError(f"its shares cannot be replaced: {error}") from error
    expected = source.data
    for capability in expected["capabilities"]:
        capability["share"] = shares[capability["name"]]
    if again != expected or abs(sum(shares.values()) - 1.0) > SHARES_OFF:
        raise BriefError("replacing its shares would have changed something else; edit the file by hand")
    return changed


def changes(text: str, shares: Mapping[str, float]) -> list[str]:
    """What `with_shares` changes, a line for each: where it stands, whose share it is, from what to what."""
    source, found = read_yaml(text), []
    for index, capability in enumerate(source.data["capabilities"]):
        old, new = capability["share"], shares[capability["name"]]
        if old != new:
            line = source.line(("capabilities", index, "share"))
            found.append(f"line {line}  {capability['name']}: share {old:g} -> {new:g}")
    return found
