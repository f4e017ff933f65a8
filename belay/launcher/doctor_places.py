"""What the doctor looks at on this machine: room on the disks, who may write and who may read, packages' versions."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import belay
from belay.home import Home
from belay.launcher.finding import Finding
from belay.launcher.parts import stack_settings
from belay.launcher.processes import processes_of
from belay.launcher.routes import Route
from belay.launcher.settings_shown import kind_of
from belay.project import Project
from router.proxy.settings import RouterSettings
from telemetry.environment import SECRETS_DIR
from telemetry.errors import BelayError
from telemetry.settings_shown import shown_content

LEAST_DISK_GB: Final = 2.0
_GB: Final = 1e9
_NAMED: Final = 5
_LOCKS: Final = ("lock.txt", "cuda.txt")
_PINNED: Final = re.compile(r"([A-Za-z0-9._-]+)===?(\S+)")


def disks(project: Project) -> Iterator[Finding]:
    """Whether there is room for what Belay makes, and for all that the spool may hold while the broker is away."""
    there = _nearest(project.home)
    free = shutil.disk_usage(there).free / _GB
    told = f"{free:.1f} GB free at {there}"
    if free < LEAST_DISK_GB:
        yield Finding("disk", "wrong", told, f"Free some: {LEAST_DISK_GB:g} GB are the least.", 4)
    else:
        yield Finding("disk", "ok", told)
    yield _spool(project)


def _spool(project: Project) -> Finding:
    """The spool may grow to its quota, which the router's processes share; what lies there is part of that."""
    spool = Home(project.home).run(f"route-{project.route}").spool
    quota = project.router.get("spool_quota_bytes", RouterSettings.model_fields["spool_quota_bytes"].default)
    if not isinstance(quota, int):
        return Finding(
            "spool", "wrong", f"spool_quota_bytes is {quota!r}, expected bytes", "See `router`.", 2
        )
    lies = sum(file.stat().st_size for file in spool.rglob("*") if file.is_file()) if spool.is_dir() else 0
    there = _nearest(spool)
    free = shutil.disk_usage(there).free
    told = f"holds {lies / _GB:.1f} of {quota / _GB:.1f} GB, {free / _GB:.1f} GB free at {there}"
    if free >= quota - lies:
        return Finding("spool", "ok", told)
    do = "Free some, or lower `spool_quota_bytes`: what a full disk refuses is lost while the broker is away."
    return Finding("spool", "note", told, do)


def rights(file: Path, project: Project) -> Iterator[Finding]:
    """Whether we may write where we have to, and whether only their owner may read keys and tokens."""
    folders = [project.home, project.home / "models", project.home / "runs"]
    closed = sorted({str(at) for at in map(_nearest, folders) if not os.access(at, os.W_OK | os.X_OK)})
    if closed:
        told = f"{', '.join(closed)}: this user may not write there"
        yield Finding("rights", "wrong", told, "Give it to the user who runs Belay: `chown`.", 2)
    opened = [(path, keeps, plain) for path, keeps, plain in _secret_files(file, project) if _is_open(path)]
    for path, keeps, plain in opened:
        told = f"everybody on this machine may read {path}, which holds {keeps}"
        do = f"`chmod o-rwx {path}`."
        yield Finding("rights", "wrong" if plain else "note", told, do, 2 if plain else 0)
    if not closed and not opened:
        yield Finding("rights", "ok", "folders can be written, keys and tokens are for their owner")


def _secret_files(file: Path, project: Project) -> Iterator[tuple[Path, str, bool]]:
    """Files with secrets, in words what they hold, and whether they open a door as they are."""
    if project.kafka.get("sasl_password"):
        yield file, "the broker's password", True
    for key, keeps, plain in (
        ("tls_key", "the key of the router's certificate", True),
        ("keys_file", "hashes of the clients' keys", False),
    ):
        if project.router.get(key):
            yield Path(project.router[key]), keeps, plain
    if project.access is not None and project.access.tokens is not None:
        yield project.access.tokens, "hashes of the tokens of control", False
    folder = os.environ.get(SECRETS_DIR)
    if folder and Path(folder).is_dir():
        # As a container's own mount has them; nobody else is in there.
        yield from ((path, "a secret", False) for path in sorted(Path(folder).iterdir()) if path.is_file())


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def settings(route: Route) -> Iterator[Finding]:
    """Whether router, worker, control and forwarder would take the settings that belay.yaml makes for them."""
    wrong = False
    for process in processes_of(stack_settings(route)):
        try:
            shown_content(process.content, kind_of(process.name), f"{process.name}'s settings")
        except BelayError as error:
            wrong = True
            yield Finding("settings", "wrong", error.message, error.hint or "Correct belay.yaml.", 2)
    if not wrong:
        yield Finding("settings", "ok", "router, worker, control and forwarder take theirs")


def versions(folder: Path | None = None) -> Iterator[Finding]:
    """How the installed packages differ from those that were tested together; nothing where that is not known."""
    folder = folder or Path(str(belay.__file__)).parents[1] / "requirements"
    locked: dict[str, set[str]] = {}
    for name in _LOCKS:
        if (folder / name).is_file():
            for package, wanted in _PINNED.findall((folder / name).read_text(encoding="utf-8")):
                locked.setdefault(package.lower(), set()).add(_public(wanted))
    if not locked:
        return
    there = {name: _version(name) for name in locked}
    off = [
        f"{name} {there[name]} ({' or '.join(sorted(wanted))})"
        for name, wanted in sorted(locked.items())
        if (installed := there[name]) is not None and _public(installed) not in wanted
    ]
    if not off:
        yield Finding("versions", "ok", "packages are those that were tested together")
        return
    more = f" and {len(off) - _NAMED} more" if len(off) > _NAMED else ""
    told = f"{', '.join(off[:_NAMED])}{more}: in brackets what was tested"
    yield Finding("versions", "note", told, "`make setup` installs the versions of requirements/lock.txt.")


def _public(whole: str) -> str:
    """A version without what tells builds of it apart, as `+cpu` does."""
    return whole.partition("+")[0]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())
