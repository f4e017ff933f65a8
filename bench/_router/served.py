"""The servers that are measured, each in processes of its own, in front of the same two stub engines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from _environments import REPOSITORY, NotHere, python_environment
from _shape import say

from serving.server import free_port
from telemetry.events import AuditRef, CapabilityWatch, ModelRef, RolloutChanged, RolloutSpec, Stage, now
from telemetry.rollout_file import write_rollout

VLLM_ROUTER: Final = "vllm-router==0.1.17"
LITELLM: Final = "litellm[proxy]==1.108.7"
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_BELAY: Final = "from belay.cli import main; main()"
_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Served:
    """A server under measurement. `own` is where ours tells how it is."""

    name: str
    port: int
    pid: int
    own: str = ""

    def cpu_s(self) -> float:
        """Seconds of CPU, user and system, of it and the children that it has."""
        return sum(_cpu_s(pid) for pid in self._family())

    def rss_mb(self) -> float:
        """Resident memory of it and its children."""
        sizes = (int(_read(pid, "statm").split()[1]) for pid in self._family())
        return sum(sizes) * _PAGE / 1e6

    def status(self) -> dict[str, Any]:
        """What ours says of itself."""
        with urllib.request.urlopen(f"{self.own}/belay/status", timeout=10) as answer:  # noqa: S310 - our own URL
            found: dict[str, Any] = json.load(answer)
        return found

    def _family(self) -> list[int]:
        found = [self.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        return found


@contextmanager
def engines() -> Iterator[list[int]]:
    """The two stub engines, in one process; their ports."""
    ports = [free_port(), free_port()]
    command = [sys.executable, str(Path(__file__).with_name("engine.py")), *map(str, ports)]
    with _child(command, REPOSITORY, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it is piped
        process.stdout.readline()
        yield ports


@contextmanager
def ours(folder: Path, ports: Sequence[int], tree: Path = REPOSITORY, **changes: Any) -> Iterator[Served]:
    """Our router amid a rollout at 25%, its spool on; of another working tree where one is given."""
    folder.mkdir(parents=True, exist_ok=True)
    port, own = free_port(), free_port()
    write_rollout(folder / "rollout.json", _rollout())
    settings = {
        "port": port,
        "status_port": own,
        "control": {"arm": "control", "url": f"http://127.0.0.1:{ports[0]}"},
        "candidate": {"arm": "candidate", "url": f"http://127.0.0.1:{ports[1]}"},
        "rollout_file": str(folder / "rollout.json"),
        "spool_folder": str(folder / "spool"),
    } | changes
    file = folder / "router.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    command = [sys.executable, "-c", _BELAY, "router", "--settings", str(file)]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    with _child(command, tree, env=environment) as process:
        _wait(process, port, "/belay/healthz")
        yield Served("ours", port, process.pid, f"http://127.0.0.1:{own}")


@contextmanager
def vllm_router(folder: Path, ports: Sequence[int]) -> Iterator[Served]:
    """vllm-router in front of both engines, in turn. Raises NotHere."""
    binary = python_environment("vllm-router", VLLM_ROUTER) / "bin" / "vllm-router"
    port, metrics = free_port(), free_port()
    urls = [f"http://127.0.0.1:{engine}" for engine in ports]
    command = [str(binary), "--host", "127.0.0.1", "--port", str(port), "--policy", "round_robin",
               "--log-level", "error", "--prometheus-port", str(metrics), "--worker-urls", *urls]  # fmt: skip
    with _child(command, folder) as process:
        _wait(process, port, "/health")
        yield Served("vllm-router", port, process.pid)


@contextmanager
def litellm(folder: Path, ports: Sequence[int]) -> Iterator[Served]:
    """LiteLLM's proxy with one worker. Raises NotHere."""
    binary = python_environment("litellm", LITELLM) / "bin" / "litellm"
    port = free_port()
    models = [
        {"model_name": "m", "litellm_params": {"model": "openai/m", "api_base": f"http://127.0.0.1:{engine}/v1",
                                               "api_key": "none"}}
        for engine in ports
    ]  # fmt: skip
    config = folder / "litellm.yaml"
    config.write_text(yaml.safe_dump({"model_list": models}), encoding="utf-8")
    command = [str(binary), "--config", str(config), "--host", "127.0.0.1", "--port", str(port),
               "--num_workers", "1", "--telemetry", "False"]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*", "LITELLM_LOG": "ERROR",
                    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}  # fmt: skip
    with _child(command, folder, env=environment) as process:
        _wait(process, port, "/health/liveliness", 120.0)
        yield Served("litellm", port, process.pid)


@contextmanager
def nginx(folder: Path, ports: Sequence[int]) -> Iterator[Served]:
    """Nginx with one worker and connections to the engines that are kept. Raises NotHere."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise NotHere("no nginx on this machine (apt-get install nginx-light)")
    port = free_port()
    servers = "".join(f"server 127.0.0.1:{engine};" for engine in ports)
    config = folder / "nginx.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxied;
  upstream engines {{ {servers} keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096; keepalive_requests 100000000;
    location / {{
      proxy_pass http://engines; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
""",
        encoding="utf-8",
    )
    with _child([binary, "-c", str(config), "-p", str(folder)], folder) as process:
        _wait(process, port, "/")
        yield Served("nginx", port, process.pid)


def started(stack: ExitStack, peers: Sequence[Any], folder: Path, ports: Sequence[int]) -> dict[str, Served]:
    """Those of the peers that are to be had here; what is not is said."""
    found = {}
    for peer in peers:
        home = folder / peer.__name__
        home.mkdir(parents=True, exist_ok=True)
        try:
            one = stack.enter_context(peer(home, ports))
        except NotHere as why:
            say(f"without {peer.__name__}: {why}")
        else:
            found[one.name] = one
    return found


def _rollout() -> RolloutChanged:
    spec = RolloutSpec(
        rollout_id="bench",
        model_alias="m",
        base=ModelRef(name="base", sha256="b" * 64),
        candidate=ModelRef(name="candidate", sha256="c" * 64),
        salt="pepper",
        capabilities=(CapabilityWatch(name="support", role="target", threshold=0.1, weight=1.0),),
        stages=(Stage(share=_SHARE), Stage(share=0.5)),
        brief_sha256="d" * 64,
        audit=AuditRef(verdict="pass", sha256="e" * 64),
    )
    return RolloutChanged(
        source="bench",
        spec=spec,
        revision=1,
        status="ramping",
        stage=0,
        share=_SHARE,
        since=now(),
        actor="bench",
        reason="measured",
    )


@contextmanager
def _child(command: Sequence[str], folder: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, **(quiet | options)) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, path: str, patience_s: float = 30.0) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NotHere(f"{process.args!r} ended with {process.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise NotHere(f"{process.args!r} does not answer within {patience_s:g} s")


def _cpu_s(pid: int) -> float:
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")
