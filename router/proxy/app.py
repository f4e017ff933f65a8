"""The router's process: `run(settings)`. Imports neither torch nor kafka; a test holds it to that."""

from __future__ import annotations

import logging
from contextlib import closing

from router.proxy.gateway import Gateway
from router.proxy.own_address import OwnAddress
from router.proxy.settings import RouterSettings
from router.proxy.workers.supervisor import supervise
from router.proxy.workers.worker import Place, work
from serving.server import Beside, listen, serve
from serving.tls import check

log = logging.getLogger(__name__)


def run(settings: RouterSettings) -> None:
    """Serve until SIGTERM or SIGINT, then end what is in flight within a few seconds.

    Raises PortTaken, SpoolError, SettingsError.
    """
    place = Place.given()
    if place is not None:
        work(settings, place)
        return
    if settings.tls is not None:
        check(settings.tls)
    if not settings.wants_keys:
        log.warning("nobody needs a key: whoever reaches this router may use its models (see `keys_file`)")
    if settings.workers > 1 or settings.supervised:
        supervise(settings)
    else:
        _alone(settings)


def _alone(settings: RouterSettings) -> None:
    with (
        closing(listen(settings.host, settings.port)) as listener,
        closing(listen(settings.status_host, settings.status_port)) as own,
    ):
        gateway = Gateway(settings)
        log.info("router %s listens on %s:%d", settings.router_id, *listener.getsockname()[:2])
        log.info("router %s tells how it is on %s:%d", settings.router_id, *own.getsockname()[:2])
        beside = Beside(OwnAddress(gateway.status), own)
        serve(gateway, listener, settings.timeouts.shutdown_s, settings.limits, beside, tls=settings.tls)
