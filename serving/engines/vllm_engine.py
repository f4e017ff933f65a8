"""vLLM as an engine: started for one model folder, watched until it is healthy, stopped without a trace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final

import httpx
from pydantic import BaseModel, ConfigDict, Field

from serving.engines import tracing
from serving.engines.arms import Endpoint
from serving.engines.placement import VISIBLE, Card, Place, cards
from serving.models.manifest import MANIFEST, Manifest, attest
from serving.processes import end, spawn, tail
from serving.progress import Report, silent
from telemetry.errors import AttestationError, EngineFailed, PortTaken
from telemetry.events import Arm

_EXPECTED_START_S: Final = 45  # two cores
_POLL_S: Final = 0.25
_GRACE_S: Final = 10.0
_SAID_LAST: Final = 15  # lines


class EngineSettings(BaseModel):
    """What an engine serves, where, and with how much of the machine.

    `threads_bind` lists the cores of the model's threads (`0`, `0-1`, `auto`, `nobind`), and `kv_cache_gib` bounds the
    cache: of an engine on a CPU, as `place` is where nobody says otherwise. `adapters` are LoRA folders by the model
    name that requests give. `eager` skips compilation, which on two cores costs minutes at the first start and makes
    small models no faster: where None, a CPU skips it and a GPU does not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    served_name: str
    port: Annotated[int, Field(gt=0, lt=65536)]
    log_file: Path
    arm: Arm = "control"
    host: str = "127.0.0.1"
    kv_cache_gib: Annotated[int, Field(gt=0)] = 1
    max_model_len: Annotated[int, Field(gt=0)] = 1024
    max_num_seqs: Annotated[int, Field(gt=0)] = 32
    threads_bind: str = "auto"
    place: Place = Place()
    eager: bool | None = None
    adapters: dict[str, Path] = Field(default_factory=dict)
    max_lora_rank: Annotated[int, Field(gt=0)] = 16
    extra_args: tuple[str, ...] = ()
    start_timeout_s: Annotated[float, Field(gt=0)] = 300.0


def build_command(settings: EngineSettings) -> list[str]:
    """The command that serves `settings`, as an argument list."""
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(settings.folder)),
        *("--served-model-name", settings.served_name),
        *("--host", settings.host),
        *("--port", str(settings.port)),
        *("--dtype", settings.place.dtype),
        *("--max-model-len", str(settings.max_model_len)),
        *("--max-num-seqs", str(settings.max_num_seqs)),
        "--disable-uvicorn-access-log",
    ]
    if settings.eager if settings.eager is not None else settings.place.device == "cpu":
        command.append("--enforce-eager")
    if settings.adapters:
        command += ["--enable-lora", "--max-loras", str(len(settings.adapters))]
        command += ["--max-lora-rank", str(settings.max_lora_rank), "--lora-modules"]
        command += [f"{name}={path}" for name, path in settings.adapters.items()]
    if settings.place.memory is not None:
        command += ["--gpu-memory-utilization", str(settings.place.memory)]
    return [*command, *settings.extra_args]


def build_environment(settings: EngineSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """The engine's environment: nothing is fetched or reported; cache and cores are given, or the GPU."""
    quiet = {
        **inherited,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        **tracing.variables(inherited, settings.arm),
        # An adapter could be replaced by another one under its name, without a restart.
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "0",
    }
    if settings.place.device == "cpu":
        return {
            **quiet,
            "VLLM_CPU_KVCACHE_SPACE": str(settings.kv_cache_gib),
            "VLLM_CPU_OMP_THREADS_BIND": settings.threads_bind,
        }
    if settings.place.gpu is None:
        return quiet
    # Without this order CUDA counts the quickest GPU first, the driver does not. Who chose GPUs chose the order too.
    order = {} if VISIBLE in inherited else {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return {**quiet, **order, VISIBLE: settings.place.gpu}


def engine_package() -> str | None:
    """The installed package that an engine runs, with its version; None where there is none.

    Asked for in vLLM's own order, by which it decides whether it was built for a CPU.
    """
    for package in ("vllm", "vllm-cpu"):
        with suppress(metadata.PackageNotFoundError):
            return f"{package} {metadata.version(package)}"
    return None


def engine_cards() -> tuple[Card, ...]:
    """The GPUs that engines started here can use: none where vLLM was built for a CPU."""
    package = engine_package()
    return cards() if package is not None and "cpu" not in package else ()


class VllmEngine:
    """One vLLM server under a guard process. Use as a context manager, or call `stop` whatever happens.

    `command` replaces the server's command line, for tests.
    """

    def __init__(self, settings: EngineSettings, *, command: Sequence[str] | None = None) -> None:
        self.settings = settings
        ours = [*build_command(settings), *tracing.options(os.environ)]
        self._command = list(command) if command is not None else ours
        self._guard: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self.manifest: Manifest | None = None

    @property
    def url(self) -> str:
        """Where it answers, without `/v1`."""
        return f"http://{self.settings.host}:{self.settings.port}"

    @property
    def endpoint(self) -> Endpoint:
        """The arm as the router is told of it."""
        return Endpoint(arm=self.settings.arm, url=self.url)

    @property
    def pid(self) -> int | None:
        """The guard's process id while there is one; the engine's processes are its descendants."""
        return self._guard.pid if self._guard else None

    def alive(self) -> bool:
        """Whether the server's process runs; whether it answers is another question."""
        return self._guard is not None and self._guard.poll() is None

    def __enter__(self) -> VllmEngine:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Attest the folder, see that the port is free, start the server; does not wait for it.

        Raises:
            AttestationError: a folder's files differ from its manifest.
            PortTaken: something listens on the port already.
            EngineFailed: it was started before and still runs.
        """
        if self.alive():
            raise EngineFailed(f"the {self.settings.arm} engine runs already (process {self.pid})")
        self.manifest = attest(self.settings.folder)
        for name, path in self.settings.adapters.items():
            attest_adapter(name, path, self.manifest)
        check_port_free(self.settings.host, self.settings.port)
        guard = [sys.executable, "-m", "serving.engines.guard", str(os.getpid()), str(_GRACE_S)]
        # The guard watches us itself, so that an engine may be started by a thread that ends.
        self._guard = spawn(
            [*guard, *self._command],
            self.settings.log_file,
            keep_log=False,
            environment=build_environment(self.settings, os.environ),
        )
        self._started = time.monotonic()

    def wait_healthy(self, progress: Report | None = None) -> None:
        """Return when the server answers for all its names; EngineFailed when it dies or takes too long."""
        report, note = progress or silent, f"{self.settings.arm} engine starts"
        while not self._answers():
            waited = time.monotonic() - self._started
            if not self.alive():
                code = self._guard.poll() if self._guard else None
                raise self._failed(f"ended with status {code} {waited:.0f} s after its start")
            if waited > self.settings.start_timeout_s:
                raise self._failed(f"did not become healthy within {self.settings.start_timeout_s:.0f} s")
            report(min(int(waited), _EXPECTED_START_S - 1), _EXPECTED_START_S, note)
            time.sleep(_POLL_S)
        report(_EXPECTED_START_S, _EXPECTED_START_S, f"{self.settings.arm} engine is healthy")

    def stop(self) -> None:
        """End every process of the engine: SIGTERM, and SIGKILL for what is left 10 s later."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        end([guard], _GRACE_S + 5.0)
        if guard.returncode < 0:
            # A guard that was killed took the command along, but not the command's children.
            with suppress(ProcessLookupError):
                os.killpg(guard.pid, signal.SIGKILL)

    def _answers(self) -> bool:
        try:
            health = httpx.get(f"{self.url}/health", timeout=5.0)
            if not health.is_success:
                return False
            models = httpx.get(f"{self.url}/v1/models", timeout=5.0).json()
        except (httpx.HTTPError, ValueError):
            return False
        listed = {model.get("id") for model in models.get("data", [])}
        return {self.settings.served_name, *self.settings.adapters} <= listed

    def _failed(self, what: str) -> EngineFailed:
        log = self.settings.log_file
        return EngineFailed(
            f"the {self.settings.arm} engine for {self.settings.folder} {what}; it said last:\n"
            f"{tail(log, _SAID_LAST)}",
            hint=f"Its whole log is {log}.",
        )


def attest_adapter(name: str, path: Path, base: Manifest) -> None:
    """Attest the folder that an adapter belongs to, that it is the one of that name, and that it is the base's.

    Raises AttestationError for a name of the form NAME@SHA256 whose hash is not that of what lies there.
    """
    owner = path if (path / MANIFEST).is_file() else path.parent
    manifest = attest(owner)
    _, at, digits = name.rpartition("@")
    if at and not (digits and manifest.sha256.startswith(digits)):
        raise AttestationError(
            f"adapter {name!r} is to be served from {path}, where another one lies: expected sha256 {digits}..., "
            f"found {manifest.sha256[:12]}...",
            hint="A name with a hash stands for one content: serve the other one under its own.",
        )
    if manifest.base_sha256 != base.sha256:
        raise AttestationError(
            f"adapter {name!r} in {path} was trained on base {manifest.base_sha256}, "
            f"the engine serves {base.sha256}"
        )


def check_port_free(host: str, port: int) -> None:
    """PortTaken where a server could not listen on `host:port` now."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as the server does: old connections pass
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"the engine cannot listen on {host}:{port}: {error.strerror}",
                hint=f"Stop what listens there (`ss -ltnp 'sport = :{port}'` shows it), or choose another port.",
            ) from error
