"""The clients: each a program that does what people do with it, in every mode, and prints what it made of that."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from _environments import NotHere, node_environment, python_environment

from _fidelity.parties import MODEL
from tests.router.fidelity.masks import without_drawn

Kind = Literal["generating", "embedding"]
Modes = dict[str, dict[str, Any]]

_SCRIPTS: Final = Path(__file__).with_name("scripts")
_PACKAGES: Final = ("openai==3.57.0", "litellm==1.108.7", "langchain-openai==1.7.4")
_NODE: Final = "openai@7.59.0"
_PATIENCE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Client:
    """One client. `command` runs it against a base URL, a model and a folder of the model; raises NotHere."""

    name: str
    command: Callable[[Path], list[str]]
    kinds: tuple[Kind, ...] = ("generating",)


def run(client: Client, kind: Kind, url: str, model: Path) -> Modes:
    """What a client makes of a URL's answers, by mode: `ok`, and `value` without what is drawn anew. Raises NotHere."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_API_KEY": "none", "NO_PROXY": "*"}
    environment |= {"HF_HUB_OFFLINE": "1", "LANGSMITH_TRACING": "false", "TIKTOKEN_CACHE_DIR": ""}
    done = subprocess.run(
        [*client.command(model), url, MODEL, kind],
        env=environment,
        capture_output=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    if done.returncode:
        raise NotHere(
            f"{client.name} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}"
        )
    # Where it was asked, which some errors say, is no difference either.
    said = without_drawn(done.stdout.strip().splitlines()[-1].replace(url.encode(), b"URL"))
    found: Modes = json.loads(said)
    return found


def _python(script: str) -> Callable[[Path], list[str]]:
    def command(_: Path) -> list[str]:
        return [str(python_environment("clients", *_PACKAGES) / "bin" / "python"), str(_SCRIPTS / script)]

    return command


def _node(_: Path) -> list[str]:
    folder = node_environment("node-clients", _NODE)
    script = folder / "openai_client.mjs"  # Node looks for packages beside the program
    shutil.copyfile(_SCRIPTS / "openai_client.mjs", script)
    return ["node", str(script)]


def _curl(_: Path) -> list[str]:
    if shutil.which("curl") is None:
        raise NotHere("no curl on this machine (apt-get install curl)")
    return [sys.executable, str(_SCRIPTS / "curl_client.py")]


def _vllm(model: Path) -> list[str]:
    return [sys.executable, str(_SCRIPTS / "vllm_client.py"), str(model)]


CLIENTS: Final = (
    Client("openai-python", _python("openai_client.py"), ("generating", "embedding")),
    Client("openai-node", _node, ("generating", "embedding")),
    Client("litellm", _python("litellm_client.py"), ("generating", "embedding")),
    Client("langchain-openai", _python("langchain_client.py"), ("generating", "embedding")),
    Client("curl", _curl, ("generating", "embedding")),
    Client("vllm bench serve", _vllm),
)
