"""Artefacts between a home and a store: what is wanted, what is there already, and the way of the rest."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from belay.artifacts.contents import contents_of, paths_of, require_no_pickle, require_whole
from belay.artifacts.entry import KINDS, SINGLE_FILES, Artifact, ArtifactError, Kind, StoredFile
from belay.artifacts.store import ArtifactStore, open_store
from belay.progress import Report, bar
from serving.models.manifest import whole_sha256
from serving.models.staging import staged_folder
from telemetry.errors import InfrastructureError, UsageError
from telemetry.events import now
from telemetry.mistakes import did_you_mean, explain, near_or_known


@dataclass(frozen=True, slots=True)
class Moving:
    """Between which home and store artefacts go. `replace` lets go of what has the same name and is another."""

    home: Path
    store: ArtifactStore
    console: Console
    replace: bool
    limit: int

    def place(self, kind: Kind, name: str) -> Path:
        """Where an artefact lies in the home."""
        return self.home / kind / name

    def say(self, text: str) -> None:
        """A line for people."""
        self.console.print(f"   {text}", markup=False, soft_wrap=True)

    def require_room(self, ref: str, size: int) -> None:
        """Raise UsageError where an artefact is larger than anybody allowed."""
        if size > self.limit:
            raise UsageError(
                f"{ref} has {size / 1e9:,.3f} GB, the limit is {self.limit / 1e9:,.3f} GB",
                hint="Allow more with --limit-gb.",
            )


@dataclass(frozen=True, slots=True)
class Wanted:
    """An artefact that somebody named; `sha256` is how the hash has to begin, where they said so."""

    kind: Kind
    name: str
    sha256: str = ""


def store_at(url: str | None) -> ArtifactStore:
    """The store that was named. Raises UsageError where nobody named one."""
    if not url:
        raise UsageError(
            "nobody said where the store of artefacts is",
            hint="Give --store URL, set BELAY_ARTIFACTS, or write `artifacts: URL` into belay.yaml.",
        )
    return open_store(url)


def push(moving: Moving, what: Sequence[str]) -> None:
    """Send the artefacts that `what` names. Raises ArtifactError, AttestationError and InfrastructureError."""
    for one in _wanted(what, in_home(moving.home), str(moving.home)):
        _push(moving, one)


def in_home(home: Path) -> list[tuple[Kind, str]]:
    """Kind and name of every artefact of a home."""
    return [
        (kind, path.name)
        for kind in KINDS
        for path in sorted((home / kind).glob("*"))
        if not path.name.startswith(".") and path.is_dir() != (kind in SINGLE_FILES)
    ]


def pull(moving: Moving, what: Sequence[str]) -> None:
    """Bring the artefacts that `what` names. Raises as `push`, and ModelPinned where a rollout needs what is here."""
    for one in _wanted(what, moving.store.entries(), moving.store.url):
        found = moving.store.find(one.kind, one.name)
        if found is None or not found.sha256.startswith(one.sha256):
            came = "is gone" if found is None else f"has sha256 {found.sha256}"
            raise ArtifactError(f"{one.kind}/{one.name} in {moving.store.url} {came}, expected {one.sha256}")
        _pull(moving, found)


def listed(store: ArtifactStore) -> tuple[list[Artifact], list[ArtifactError]]:
    """Every artefact of the store, and what is wrong with the entries that cannot be read."""
    found, broken = [], []
    for kind, name in store.entries():
        try:
            artifact = store.find(kind, name)
        except ArtifactError as error:
            broken.append(error)
        else:
            found += [artifact] if artifact is not None else []
    return found, broken


def artifacts_table(found: Sequence[Artifact]) -> Table:
    """The artefacts for people."""
    table = Table("artefact", "sha256", "files", "size", "pushed", box=None)
    for one in found:
        pushed = f"{one.pushed:%Y-%m-%d %H:%M} UTC"
        table.add_row(one.ref, one.sha256[:12], str(len(one.files)), f"{one.size / 1e6:,.1f} MB", pushed)
    return table


def _push(moving: Moving, one: Wanted) -> None:
    ref, place = f"{one.kind}/{one.name}", moving.place(one.kind, one.name)
    paths = paths_of(one.kind, place)
    size = sum(path.stat().st_size for path in paths.values())
    moving.require_room(ref, size)
    with bar(moving.console, f"   {ref}") as report:
        files = contents_of(one.kind, place, _counting(report, size, "hashing"))
        here = _artifact(one, files)
        before = _before(moving, here)
        lacking = {path: file for path, file in files.items() if not moving.store.has(file)}
        if lacking:
            counted = _counting(report, sum(file.bytes for file in lacking.values()), "sending")
        for path, file in lacking.items():
            moving.store.send(paths[path], file, counted)
        if before is None or before.sha256 != here.sha256:
            moving.store.publish(here)
    moving.say(f"{ref}@{here.sha256[:12]}: {_told(lacking, files, 'sent', 'there')}")


def _artifact(one: Wanted, files: dict[str, StoredFile]) -> Artifact:
    sha256 = whole_sha256({path: file.sha256 for path, file in files.items()})
    if one.sha256 and not sha256.startswith(one.sha256):
        raise ArtifactError(f"{one.kind}/{one.name} here has sha256 {sha256}, expected {one.sha256}")
    try:
        return Artifact(kind=one.kind, name=one.name, pushed=now(), sha256=sha256, files=files)
    except ValidationError as error:
        told = "\n".join(explain(error, Artifact))
        raise ArtifactError(f"{one.kind}/{one.name} cannot be stored:\n{told}") from error


def _before(moving: Moving, here: Artifact) -> Artifact | None:
    """What the store has by the name. Raises ArtifactError where that is another and nobody lets go of it."""
    try:
        found = moving.store.find(here.kind, here.name)
    except ArtifactError:
        if not moving.replace:
            raise
        return None
    if found is not None and found.sha256 != here.sha256 and not moving.replace:
        raise ArtifactError(
            f"{moving.store.url} has another {here.ref}: sha256 {found.sha256[:12]} of "
            f"{found.pushed:%Y-%m-%d %H:%M} UTC, here is {here.sha256[:12]}",
            hint="Replace it with --replace, or give yours another name.",
        )
    return found


def _pull(moving: Moving, found: Artifact) -> None:
    final = moving.place(found.kind, found.name)
    if _is_here(found, final):
        moving.say(f"{found.ref}@{found.sha256[:12]}: here already, {len(found.files)} files")
        return
    if (final.exists() or final.is_symlink()) and not moving.replace:
        raise ArtifactError(
            f"{final} is another than {found.ref} of {moving.store.url} (sha256 {found.sha256[:12]})",
            hint="Replace it with --replace, or use another home.",
        )
    moving.require_room(found.ref, found.size)
    final.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(final.parent).free
    if found.size > free:
        raise InfrastructureError(
            f"{found.ref} needs {found.size / 1e9:,.3f} GB, {final.parent} has {free / 1e9:,.3f} GB left",
            hint="Free space, or use a home on another disk.",
        )
    with bar(moving.console, f"   {found.ref}") as report, _staged(found, final) as beside:
        counted = _counting(report, found.size, "fetching")
        for path, file in found.files.items():
            target = beside / path
            target.parent.mkdir(parents=True, exist_ok=True)
            moving.store.fetch(file, target, counted)
            require_no_pickle(target)
        require_whole(found.kind, beside, found.hashes)
    moving.say(f"{found.ref}@{found.sha256[:12]}: {_told(found.files, found.files, 'fetched', 'here')}")


def _is_here(found: Artifact, final: Path) -> bool:
    if not final.exists():
        return False
    try:
        return contents_of(found.kind, final) == found.files
    except UsageError:  # a link, a pickle, a model that does not attest: not what the store has
        return False


@contextmanager
def _staged(found: Artifact, final: Path) -> Iterator[Path]:
    """A folder beside `final` whose content becomes it where the block ends well, and is gone otherwise."""
    if found.kind not in SINGLE_FILES:
        with staged_folder(final) as beside:
            yield beside
        return
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=f".{final.name}.") as folder:
        yield Path(folder)
        (Path(folder) / final.name).replace(final)


def _wanted(what: Sequence[str], there: Sequence[tuple[Kind, str]], where: str) -> list[Wanted]:
    """What was named, once each, in its order; a kind alone is every one of it that is there."""
    found: dict[tuple[Kind, str], Wanted] = {}
    for said in what:
        kind_said, _, rest = said.strip("/").partition("/")
        kind = next((known for known in KINDS if known == kind_said), None)
        if kind is None:
            raise UsageError(f"{said!r} begins with no kind of artefact{near_or_known(kind_said, KINDS)}")
        names = [name for at, name in there if at == kind]
        name, sha256 = _split(rest, names, said)
        if (rest and name not in names) or not names:
            told = did_you_mean(name, names) or f"; there are {', '.join(names) or 'none'}"
            raise ArtifactError(f"no {said} in {where}{told}")
        for one in [name] if name else names:
            found[kind, one] = Wanted(kind, one, sha256)
    return list(found.values())


def _split(rest: str, names: Sequence[str], said: str) -> tuple[str, str]:
    """Name and expected hash of `name@hash`; a name may hold an @ itself."""
    if rest in names or "@" not in rest:
        return rest, ""
    name, _, sha256 = rest.rpartition("@")
    if not re.fullmatch(r"[0-9a-f]{8,64}", sha256):
        raise UsageError(f"{said!r} ends with {sha256!r}, expected 8 to 64 hexadecimal digits after the @")
    return name, sha256


def _counting(report: Report, total: int, note: str) -> Callable[[int], None]:
    """Shows how many megabytes of so many have gone by."""
    done = 0

    def counted(count: int) -> None:
        nonlocal done
        done += count
        report(_megabytes(done), _megabytes(total), f"MB, {note}")

    report(0, _megabytes(total), f"MB, {note}")
    return counted


def _megabytes(count: int) -> int:
    """Of so many bytes, rounded up: a bar without a total says nothing."""
    return -(-count // 1_000_000)


def _told(moved: dict[str, StoredFile], of: dict[str, StoredFile], did: str, there: str) -> str:
    if not moved:
        return f"{there} already, {len(of)} files"
    return (
        f"{len(moved)} of {len(of)} files {did}, {sum(file.bytes for file in moved.values()) / 1e6:,.1f} MB"
    )
