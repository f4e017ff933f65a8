"""What control is told: where it listens, what it writes, whose broker it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, IPvAnyNetwork

from router.control.access import Role
from router.control.notify.settings import NotifySettings
from serving.engines.arms import Endpoint
from serving.tls import TlsSettings
from telemetry.bus.settings import BusSettings, Servers
from telemetry.metrics_address import MetricsSettings
from telemetry.settings import Port, Settings


class TrustedProxy(Settings):
    """A proxy that has signed people in (OpenID Connect, say) and names them in `header`.

    Its word counts only in requests that come `from` these addresses. The greatest role counts whose names `roles` are
    among those in `role_header` (comma separated; without `roles` a role's own name); who has none is a viewer.
    Without a `role_header` everybody has the one `role`.
    """

    model_config = ConfigDict(populate_by_name=True)

    header: str = "x-forwarded-user"
    come_from: Annotated[tuple[IPvAnyNetwork, ...], Field(alias="from", min_length=1)]
    role_header: str | None = None
    roles: dict[Role, tuple[str, ...]] = Field(default_factory=dict)
    role: Role = "viewer"


class AccessSettings(Settings):
    """How people are known: by `tokens` (a file that `belay control token new` writes), by a proxy, or by either."""

    tokens: Path | None = None
    trusted_proxy: TrustedProxy | None = None


AttestationPolicy = Literal["warn", "require"]


class ArmsOfRoute(Settings):
    """Where the two arms of a route answer, as its router has it."""

    control: Endpoint
    candidate: Endpoint


class ControlSettings(MetricsSettings, TlsSettings):
    """Control. `folder` is the run folder that gets `control.jsonl`.

    `models_folder` is where the model folders lie on this machine (`.belay/models`): Belay will not replace or
    remove those of a rollout as long as it may be rolled back. The page shows the trainings that lie there, and the
    audits in `audits` beside it.

    With `brief` the page drafts rollouts, out of the models, audits and baselines of a home (`.belay`): of `home`,
    which is only read, or else of the one that `models_folder` lies in.

    `notify` says who is told when a rollout is rolled back, paused or fully rolled out.

    `access` says how people are known. Without it control listens on this machine only, where anybody may act.

    `arms` says where the arms of each route answer. What answers there, and at the URLs of models that others run, is
    asked who it is before a rollout starts, and every `attest_every_s` seconds while it is live. Where nobody can tell,
    `attestation` says whether that is a warning, or keeps it from starting (`require`).

    `bootstrap_servers` and `kafka` (further settings of the bus) say where the broker is; without
    `bootstrap_servers` control serves people only: nothing decides by itself.
    """

    host: str = "127.0.0.1"
    port: Port = 8090
    rollout_file: Path
    folder: Path
    models_folder: Path | None = None
    brief: Path | None = None
    home: Path | None = None
    access: AccessSettings | None = None
    notify: NotifySettings = NotifySettings()
    arms: dict[str, ArmsOfRoute] = Field(default_factory=dict)
    attest_every_s: float = Field(default=300.0, gt=0)
    attestation: AttestationPolicy = "warn"
    bootstrap_servers: Servers | None = None
    kafka: BusSettings = BusSettings()
