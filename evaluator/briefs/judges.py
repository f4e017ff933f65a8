"""Judges that a brief names instead of giving their address.

What a good answer is belongs to the brief, which people review and which is the same everywhere. Where the model that
judges answers, and who holds its key, belongs to the place where Belay runs (`judges` in belay.yaml). So an endpoint
may say `name: grader` in place of `url`, `model`, `api_key_env` and `price`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from evaluator.briefs.problems import Problem, capability_name
from evaluator.briefs.schema import Said, Settings, Url
from telemetry.events import TokenPrice
from telemetry.mistakes import near_or_known


class JudgeAddress(Settings):
    """Where a model that judges answers, and for how much; its key is in the environment variable `api_key_env`."""

    url: Url
    model: Said
    api_key_env: str | None = None
    price: TokenPrice | None = None


Judges = Mapping[str, JudgeAddress]
NO_JUDGES: Final[Judges] = MappingProxyType({})
_ADDRESS: Final = tuple(JudgeAddress.model_fields)
# Stands in for an address that is missing, so that the one problem is not told twice. It gets out of no brief.
_MISSING: Final = JudgeAddress(url="http://missing", model="missing")
_HINT: Final = (
    "Where judges answer stands in belay.yaml, `judges: {NAME: {url: ..., model: ..., api_key_env: ...}}`."
)


def with_addresses(data: dict[str, Any], judges: Judges) -> tuple[dict[str, Any], list[Problem]]:
    """A brief's data with addresses in place of judges' names, and what is wrong with the names. Pure."""
    data, problems = copy.deepcopy(data), list[Problem]()
    for place, endpoint in _endpoints(data):
        if "name" not in endpoint:
            continue
        name = str(endpoint.pop("name"))
        if both := [key for key in _ADDRESS if key in endpoint]:
            problems.append(
                Problem(f"{place}: 'name' says where the judge is, and so do {', '.join(both)}", _HINT)
            )
        elif name not in judges:
            problems.append(
                Problem(f"{place}: no judge {name!r} is known here{near_or_known(name, judges)}", _HINT)
            )
        endpoint |= {**judges.get(name, _MISSING).model_dump(), **endpoint}
    return data, problems


def _endpoints(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every endpoint of the brief with its place: of a capability's judge and of its benchmarks; the very mappings."""
    capabilities = data.get("capabilities")
    for number, capability in enumerate(capabilities if isinstance(capabilities, list) else []):
        if not isinstance(capability, dict):
            continue
        who, judge, benchmarks = (
            capability_name(data, number),
            capability.get("judge"),
            capability.get("benchmarks"),
        )
        if isinstance(judge, dict) and isinstance(judge.get("endpoint"), dict):
            yield f"{who}.judge.endpoint", judge["endpoint"]
        for at, one in enumerate(benchmarks if isinstance(benchmarks, list) else []):
            if isinstance(one, dict) and isinstance(one.get("judge"), dict):
                yield f"{who}.benchmarks[{at}].judge", one["judge"]
