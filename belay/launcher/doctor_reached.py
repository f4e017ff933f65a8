"""What the doctor asks others: the broker and its topics, engines and what they serve, whose clock is off."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from pydantic import ValidationError

from belay.launcher.asked import asked, endpoints
from belay.launcher.finding import Finding
from belay.launcher.parts import Part
from belay.launcher.routes import Route
from belay.project import EMBEDDED, Project
from belay.steps.init import listens
from router.proxy.settings import RouteSettings
from serving.engines.address import ModelAddress
from serving.engines.arms import Endpoint
from serving.engines.who_answers import Found
from telemetry.bus.kafka_bus import KafkaBus
from telemetry.bus.topic_plan import TOPIC
from telemetry.errors import BelayError

CLOCK_NOTE_S: Final = 2.0
CLOCK_WRONG_S: Final = 60.0
_NAMED: Final = 3
_REFUSED: Final = (401, 403)


def broker(project: Project) -> Iterator[Finding]:
    """Whether the broker answers, of which version it is, and whether its topics keep what promises need."""
    if project.broker == EMBEDDED:
        yield Finding(
            "broker", "note", "embedded: it forgets everything when it ends", "A Kafka's host:port keeps it."
        )
        return
    try:
        bus = KafkaBus(project.bus())
        cluster = bus.cluster()
        yield Finding("broker", "ok", f"{project.broker}: {cluster.brokers} of Kafka's {cluster.version}")
        yield _topics(bus)
    except BelayError as error:
        yield Finding("broker", "wrong", error.message, error.hint, error.exit_code)


def _topics(bus: KafkaBus) -> Finding:
    found = bus.plan_topics()
    if found.same:
        return Finding("topics", "ok", "each is as wanted")
    if found.refusals:
        told = "; ".join(f"{one.topic}: {one.what} is {one.there}, {one.why}" for one in found.refusals)
        return Finding("topics", "wrong", told, "`belay topics plan` shows all of it.", 2)
    if all(one.what == TOPIC for one in found.differences):
        missing = len(found.differences)
        return Finding("topics", "note", f"{missing} are missing", "`belay topics apply`, or `belay up`.")
    names = sorted({one.topic for one in found.differences})
    told = f"{len(found.differences)} things differ from what is wanted, of {', '.join(names)}"
    return Finding(
        "topics", "note", told, "`belay topics plan` shows them, `belay topics apply` changes them."
    )


def addresses(route: Route) -> Iterator[Finding]:
    """The engines that others run for the routes of belay.yaml, every replica."""
    endpoints = route.endpoints()
    for other in route.others:
        arms = zip((other.arm("control"), other.arm("candidate")), endpoints[other.name], strict=True)
        yield from _arms(other.name, [endpoint for arm, endpoint in arms if arm.at is not None])


def passed_on(project: Project) -> Iterator[Finding]:
    """The same of routes that are the router's settings; what cannot be read as one `settings` tells."""
    given = project.router.get("routes")
    for name, route in given.items() if isinstance(given, Mapping) else ():
        try:
            arms = RouteSettings.model_validate(route)
        except ValidationError:
            continue
        yield from _arms(str(name), (arms.control, arms.candidate))


def _arms(name: str, arms: Iterable[Endpoint]) -> Iterator[Finding]:
    asked = set()
    for arm in arms:
        for url in arm.replicas:
            model = arm.model or name
            if (url, model) not in asked:
                asked.add((url, model))
                address = ModelAddress(url, model, arm.key_env)
                yield from engine(f"{name}: {arm.arm}", address, clients_key=arm.key_env is None)


def engine(what: str, address: ModelAddress, *, clients_key: bool = False) -> Iterator[Finding]:
    """Whether somebody answers there, takes the key, lists the model, and has our time.

    With `clients_key` it is asked by clients with their own, so that nobody here can know whether it takes them.
    """
    began = time.time()
    try:
        answer = httpx.get(f"{address.root}/v1/models", headers=address.headers, timeout=5.0)
    except httpx.HTTPError as error:
        told = f"nobody answers at {address.root}: {error!r}"
        yield Finding(what, "wrong", told, "Start it, or correct the URL.", 4)
        return
    except BelayError as error:
        yield Finding(what, "wrong", error.message, error.hint, error.exit_code)
        return
    if clients_key and answer.status_code in _REFUSED:
        yield Finding(what, "ok", f"{address.root} answers, and wants a key: clients' own reach it")
    else:
        yield _model_at(what, address, answer)
    yield from clock(what, answer, began, time.time())


def _model_at(what: str, address: ModelAddress, answer: httpx.Response) -> Finding:
    root = address.root
    if answer.status_code in _REFUSED:
        told = f"{root} refuses the key (status {answer.status_code})"
        return Finding(what, "wrong", told, "Set its key.", 2)
    if answer.is_error:
        return Finding(what, "note", f"{root} lists no models (status {answer.status_code})")
    listed = models_in(answer)
    if not listed:
        return Finding(what, "note", f"{root} answers, and what it lists as models is not in OpenAI's form")
    if address.model not in listed and answer.json().get("has_more"):
        return Finding(what, "note", f"{root} lists more models than it told; {address.model!r} may be there")
    if address.model not in listed:
        return Finding(
            what,
            "wrong",
            f"{root} serves {_some(listed)}, expected {address.model!r}",
            "Serve it under that name, or adopt it under the name that it has.",
            2,
        )
    return Finding(what, "ok", f"{address.model} at {root}")


def models_in(answer: httpx.Response) -> list[str]:
    """The names in a list of models; none where it is no such list."""
    try:
        data = answer.json()["data"]
        return [str(one["id"]) for one in data]
    except (ValueError, TypeError, KeyError):
        return []


def part_at(part: Part, name: str, served: Collection[str]) -> Iterator[Finding]:
    """How a part of ours is that has an address; `served` are names of which an engine lists at least one."""
    if part.url is None:
        return
    port = httpx.URL(part.url).port
    if port is None or not listens("127.0.0.1", port):
        yield Finding(name, "note", f"port {port} is free: it does not run", f"`belay up {part.name}`.")
        return
    began = time.time()
    try:
        answer = httpx.get(part.url, timeout=2.0)
    except httpx.HTTPError:
        answer = None
    if answer is None or not answer.is_success:
        told = f"port {port} is taken, and not by it"
        yield Finding(name, "wrong", told, "Choose other `ports` in belay.yaml.", 4)
        return
    listed = models_in(answer)
    if served and not set(served) <= set(listed):
        told = f"what answers at {part.url} serves {_some(listed)}, expected {_some(sorted(served))}"
        yield Finding(name, "wrong", told, f"End it, then `belay up {part.name}`.", 2)
    else:
        yield Finding(name, "ok", f"answers at {part.url}")
    yield from clock(name, answer, began, time.time())


def attested(route: Route) -> Iterator[Finding]:
    """Whether engines serve the models of their arms; none is asked where one does not run, which is told elsewhere."""
    if not all(_listens_at(url) for endpoint in endpoints(route) for url in endpoint.replicas):
        return
    try:
        for name, found in asked(route):
            yield _attested(f"{name}: who answers as {found.arm}", found)
    except BelayError as error:
        yield Finding("who answers", "wrong", error.message, error.hint, error.exit_code)


def _attested(what: str, found: Found) -> Finding:
    state = found.attestation.state
    if state == "refused":
        return Finding(what, "wrong", str(found), "See what its engine was started with.", 2)
    if state == "unknown":
        do = "`belay audit` keeps a candidate's reference, `belay baseline` base's."
        return Finding(what, "note", str(found), do)
    return Finding(what, "ok", found.attestation.told)


def _listens_at(url: str) -> bool:
    parts = httpx.URL(url)
    return listens(parts.host, parts.port or (443 if parts.scheme == "https" else 80))


def clock(what: str, answer: httpx.Response, began: float, ended: float) -> Iterator[Finding]:
    """A finding where the answer's `Date` is further from our own time than clocks may be.

    `began` and `ended` are when it was asked for and there, in seconds since the epoch. A `Date` has whole seconds.
    """
    off = _seconds_off(answer.headers.get("date", ""), began, ended)
    if off is None or abs(off) <= CLOCK_NOTE_S:
        return
    wrong = abs(off) > CLOCK_WRONG_S
    yield Finding(
        f"clock of {what}",
        "wrong" if wrong else "note",
        f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} this machine's",
        "Set both by NTP: decisions, retention and tokens go by the time of day.",
        2 if wrong else 0,
    )


def _seconds_off(date: str, began: float, ended: float) -> float | None:
    """How far a `Date` is at least from the time in which it was said; None where it is no date."""
    try:
        parsed = parsedate_to_datetime(date)
    except ValueError:
        return None
    said = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    if said > ended:
        return said - ended
    return min(0.0, said + 1.0 - began)


def _some(names: Collection[str]) -> str:
    first = [repr(name) for name in list(names)[:_NAMED]]
    more = len(names) - len(first)
    return (", ".join(first) or "nothing") + (f" and {more} more" if more else "")
