"""A store of artefacts at a URL: contents under their hashes, and an entry an artefact that names them.

    objects/<2 digits>/<sha256>      the content of a file, never changed once it is there
    entries/<kind>/<name>.json       an artefact: its paths, hashes and sizes; replaced in one step

An entry is written after all that it names, so whoever reads one finds everything. What a push that was cut off
leaves behind is named by no entry, and the next push of the same goes on from it.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from belay.artifacts.contents import CHUNK, Counted, chunks_of, silent
from belay.artifacts.entry import KINDS, LARGEST_ENTRY, Artifact, ArtifactError, Kind, StoredFile, read_entry
from telemetry.errors import BelayError, InfrastructureError, SettingsError

PACKAGES: Final = {
    "file": None,
    "memory": None,
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
}
"""The package behind each protocol, beside fsspec itself. All of them show an object only once it is whole."""
_RENAMES: Final = ("file", "memory")
"""Where a file that is being written can be seen: it is written beside its name, and renamed."""
_PART: Final = 8 << 20
"""What is larger is sent in parts of this many bytes, which is also what is held of it."""
_MOST_PARTS: Final = 9_000
"""S3 takes 10,000 of a file."""
MOST_ENTRIES: Final = 10_000


class ArtifactStore:
    """The artefacts at one URL. Raises InfrastructureError where the store cannot be reached or refuses."""

    def __init__(self, files: Any, root: str, url: str, *, renames: bool) -> None:
        self._files, self._root, self._renames = files, root.rstrip("/"), renames
        self.url = url

    def entries(self) -> list[tuple[Kind, str]]:
        """Kind and name of every artefact, sorted, read or not."""
        with self._told("list"):
            # Under a prefix without anything it finds nothing; without the bucket it raises.
            paths = self._files.find(f"{self._root}/entries/")
        if len(paths) > MOST_ENTRIES:
            raise ArtifactError(f"{self.url} has {len(paths):,} entries, expected at most {MOST_ENTRIES:,}")
        names = [path.removesuffix(".json").split("/")[-2:] for path in paths if path.endswith(".json")]
        return sorted((kind, name) for at, name in names for kind in KINDS if kind == at)

    def find(self, kind: Kind, name: str) -> Artifact | None:
        """The artefact of that name, None where there is none. Raises ArtifactError where its entry is wrong."""
        path = self._entry(kind, name)
        with self._told(f"read {kind}/{name}"):
            try:
                with self._files.open(path, "rb") as file:
                    content = file.read(LARGEST_ENTRY + 1)
            except FileNotFoundError:
                return None
        if len(content) > LARGEST_ENTRY:
            raise ArtifactError(f"{path} has more than {LARGEST_ENTRY:,} bytes, so it is no entry")
        return read_entry(content, kind, name, path)

    def has(self, file: StoredFile) -> bool:
        """Whether a content is there, in its whole length; `fetch` is what compares it with its hash."""
        with self._told("look for a file"):
            try:
                return bool(self._files.info(self._object(file))["size"] == file.bytes)
            except FileNotFoundError:
                return False

    def send(self, source: Path, file: StoredFile, counted: Counted = silent) -> None:
        """Store the content of `source`. Raises ArtifactError, and stores nothing, where it is not `file` any more."""
        with self._told(f"store {source.name}"):
            self._write(self._object(file), _unchanged(source, file, counted), file.bytes)

    def fetch(self, file: StoredFile, target: Path, counted: Counted = silent) -> None:
        """Write a content to `target`, a new file. Raises ArtifactError where it is not what its hash says.

        No more is read than its size and a byte, however much is there.
        """
        path, digest, left = self._object(file), hashlib.sha256(), file.bytes
        with self._told(f"read {target.name}"):
            try:
                source = self._files.open(path, "rb", block_size=CHUNK)
            except FileNotFoundError:
                raise _broken(path, file, "is not there") from None
            with source, target.open("xb") as out:
                while chunk := source.read(min(CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        raise _broken(path, file, f"is longer than {file.bytes:,} bytes")
                    digest.update(chunk)
                    out.write(chunk)
                    counted(len(chunk))
        if digest.hexdigest() != file.sha256:
            raise _broken(path, file, f"has sha256 {digest.hexdigest()}")

    def publish(self, artifact: Artifact) -> None:
        """Let others see an artefact all of whose contents are there; one of its name until then is replaced."""
        with self._told(f"store {artifact.ref}"):
            content = artifact.model_dump_json(indent=1).encode()
            self._write(self._entry(artifact.kind, artifact.name), [content], len(content))

    def _write(self, path: str, chunks: Iterable[bytes], size: int) -> None:
        """Nobody sees a part of it: either the store shows objects once they are closed, or it is renamed."""
        part = max(_PART, size // _MOST_PARTS)
        at = f"{path}.{uuid.uuid4().hex}.new" if self._renames else path
        if self._renames:
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        sink = self._files.open(at, "wb", block_size=part)
        try:
            for chunk in chunks:
                sink.write(chunk)
        except BaseException:
            if self._renames:
                sink.close()
                self._files.rm_file(at)
            else:
                sink.discard()
                sink.closed = True  # its finaliser would close it, and so store what there is
            raise
        sink.close()
        if self._renames:
            self._files.mv(at, path)

    def _object(self, file: StoredFile) -> str:
        return f"{self._root}/objects/{file.sha256[:2]}/{file.sha256}"

    def _entry(self, kind: Kind, name: str) -> str:
        return f"{self._root}/entries/{kind}/{name}.json"

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Errors of whatever package is behind the URL, in one kind: each has a tree of its own."""
        try:
            yield
        except BelayError:
            raise
        except Exception as error:
            raise InfrastructureError(
                f"cannot {what} ({self.url}): {type(error).__name__}: {str(error)[:300]}",
                hint="Look at its address, at who may read and write there, and at the cloud's variables.",
            ) from error


def open_store(url: str) -> ArtifactStore:
    """The store at a URL or a path. Raises SettingsError, and InfrastructureError where a package is missing."""
    protocol = _protocol(url)
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415, TID251 - an extra, wanted by these commands alone
    except ImportError:
        raise InfrastructureError(
            "the package fsspec, by which stores are reached, is not installed",
            hint="Install it: pip install 'belay[artifacts]'.",
        ) from None
    try:
        files, root = url_to_fs(url, skip_instance_cache=True, use_listings_cache=False)
    except ImportError:
        package = PACKAGES[protocol]
        raise InfrastructureError(
            f"{url}: the package {package}, by which {protocol}:// is reached, is not installed",
            hint=f"Install it: pip install {package}.",
        ) from None
    if not root.strip("/"):
        raise SettingsError(f"{url} names no bucket or folder", hint="Such as s3://bucket/belay.")
    return ArtifactStore(files, root, url, renames=protocol in _RENAMES)


def _protocol(url: str) -> str:
    protocol = url.split("://", 1)[0] if "://" in url else "file"
    if protocol not in PACKAGES:
        raise SettingsError(
            f"the store {url!r} has the protocol {protocol!r}, expected a path or one of "
            f"{', '.join(name for name in PACKAGES if name != 'memory')}",
            hint="Only stores are taken that show a file once it is whole.",
        )
    if "://" in url and urlsplit(url).password is not None:
        raise SettingsError(
            f"the store's URL ({protocol}://) has a password in it, which logs and files would show",
            hint="Give it as the cloud's own tools take it: variables, files or the machine's role.",
        )
    return protocol


def _unchanged(source: Path, file: StoredFile, counted: Counted) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in chunks_of(source, counted):
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != file.sha256:
        raise ArtifactError(f"{source} was changed while it was being stored", hint="Push it again.")


def _broken(path: str, file: StoredFile, found: str) -> ArtifactError:
    return ArtifactError(
        f"{path} {found}, expected {file.bytes:,} bytes of sha256 {file.sha256}",
        hint="It is damaged, or was changed. Remove it from the store and push its artefact again.",
    )
