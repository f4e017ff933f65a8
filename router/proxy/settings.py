"""What the router is told: where it listens, its two arms, and how long it waits for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    field_validator,
    model_validator,
)

from serving.engines.arms import Endpoint
from serving.limits import Limits
from telemetry.settings import Port, Settings
from telemetry.spool.syncing import SyncPolicy

Seconds = Annotated[float, Field(gt=0.0)]


def _header_name(name: str) -> str:
    if not name or not name.isascii() or any(c.isspace() or c == ":" for c in name):
        raise ValueError(f"{name!r} is not the name of an HTTP header")
    return name.lower()


HeaderName = Annotated[str, AfterValidator(_header_name)]


class Timeouts(Settings):
    """How long the router waits for an engine, in seconds.

    `candidate_first_byte_s` is what the candidate has before base answers for it: until the first byte of a stream,
    until the last one of any other answer. `stall_s` bounds the silence within an answer, and `total_s` a whole answer,
    of either arm. A shadow has `shadow_s`; whoever scores waits for its answer half a minute longer than the most that
    this may be. `shutdown_s` is what answers in flight have to end when the router is told to stop; whatever stops it
    should wait some seconds longer before it kills.
    """

    connect_s: Seconds = 2.0
    candidate_first_byte_s: Seconds = 60.0
    stall_s: Seconds = 60.0
    total_s: Seconds = 600.0
    shadow_s: Annotated[Seconds, Field(le=150.0)] = 120.0
    shutdown_s: Seconds = 20.0


class RouterSettings(Settings):
    """The router. Port 0 takes a free port; the log says which.

    `status_host` and `status_port` are where it tells how it is (`/belay/status`, `/metrics`), not to clients.

    `limits` is what a client may cost, `max_answer_bytes` the most of an answer, all of which is kept for its record.
    `expose_headers` adds `x-belay-arm`, `x-belay-stage` and `x-belay-interaction` (the id under which it is recorded)
    to answers. `shadow_limit` bounds the shadows in flight; an interaction beyond it goes without. `table_file` is
    the word table that `belay watch` writes (`worker.table_file`): with it shadows go to the capabilities that need
    them, without it they are drawn evenly. `spool_sync` says what of the spool survives a power cut: all but the last
    200 ms (`interval`), all (`always`; every request waits for the disk), or what the kernel wrote (`never`).
    """

    host: str = "127.0.0.1"
    port: Port = 8100
    status_host: str = "127.0.0.1"
    status_port: Port = 8101
    router_id: str = "router-1"
    control: Endpoint
    candidate: Endpoint
    rollout_file: Path
    spool_folder: Path
    spool_quota_bytes: int = Field(default=1 << 30, gt=0)
    spool_sync: SyncPolicy = "interval"
    session_header: HeaderName = "x-session-id"
    end_user_header: HeaderName = "x-end-user-id"
    expose_headers: bool = True
    timeouts: Timeouts = Timeouts()
    retry_after_s: int = Field(default=1, ge=1)
    limits: Limits = Limits()
    max_answer_bytes: int = Field(default=64 << 20, gt=0)
    shadow_limit: int = Field(default=64, ge=0)
    table_file: Path | None = None

    @field_validator("control", "candidate")
    @classmethod
    def _reachable(cls, endpoint: Endpoint) -> Endpoint:
        try:
            url = urlsplit(endpoint.url)
            reachable = url.scheme in ("http", "https") and url.hostname and url.port != 0
        except ValueError:  # a port above 65535, or half an IPv6 address
            reachable = False
        if not reachable:
            raise ValueError(f"url is {endpoint.url!r}, expected something like 'http://127.0.0.1:8001'")
        return endpoint

    @model_validator(mode="after")
    def _arms_in_their_places(self) -> Self:
        for expected, endpoint in (("control", self.control), ("candidate", self.candidate)):
            if endpoint.arm != expected:
                raise ValueError(f"{expected}.arm is {endpoint.arm!r}, expected {expected!r}")
        return self
