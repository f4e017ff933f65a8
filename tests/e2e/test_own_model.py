"""A user's own model, from nothing to a rollback, by commands alone and on real parts.

The base is a small random Qwen2, the candidate an adapter that peft wrote. Both are adopted, served by one vLLM
engine, and then adopted once more by that engine's URL, as an engine that others run would be. What base answers is
taken for right, so that base knows everything and the adapter hardly anything.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from serving.engines.address import ModelAddress
from serving.engines.attestation import Attestation
from serving.engines.identity_probes import TOKENS_OF_OURS, take_identity
from serving.engines.references import keep_reference
from serving.engines.who_answers import Served, attest_served
from serving.models.store import ModelStore
from tests.conftest import a_free_port
from tests.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.alone]

CAPABILITIES = {
    "parcels": ("target", "Where is the parcel that I ordered in week {n} of last year?"),
    "capitals": ("adjacent", "Name the capital of country number {n} in the old atlas."),
    "rhymes": ("adjacent", "Which words sound like the {n}th line of this poem?"),
}
AUDITED, TRAFFIC = 40, 80
ADAPTERS = ("their-lora", "other-lora", "no-lora")


def belay(folder: Path, *arguments: str, status: int = 0) -> str:
    """Run a command in `folder` and return what it said; it has to end with `status`."""
    ended = subprocess.run(
        [sys.executable, "-m", "belay", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == status, f"belay {' '.join(arguments)} ended with {ended.returncode}:\n{said}"
    assert "Traceback" not in said
    return said


class Running:
    """A long-running command, ended by its id."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / f"{arguments[0]}.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "belay", *arguments],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.2)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, real_base: Path) -> Path:
    """A user's folder: `Their-Qwen2` and `their-lora` beside it, and nothing of ours."""
    place = tmp_path_factory.mktemp("own")
    tokenizer = AutoTokenizer.from_pretrained(real_base)
    torch.manual_seed(4)
    size: dict[str, Any] = {
        "vocab_size": len(tokenizer), "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048,
    }  # fmt: skip
    model = Qwen2ForCausalLM(Qwen2Config(**size, tie_word_embeddings=True, initializer_range=0.2))
    model.to(torch.bfloat16).save_pretrained(place / "Their-Qwen2")
    tokenizer.save_pretrained(place / "Their-Qwen2")
    loras = {
        "their-lora": LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False),
        # Of another rank, on other layers; and one that changes nothing, as if it had never been applied.
        "other-lora": LoraConfig(r=8, target_modules=["q_proj", "v_proj"], init_lora_weights=False),
        "no-lora": LoraConfig(r=4, target_modules="all-linear"),
    }
    for name, lora in loras.items():
        adapted = get_peft_model(model, lora)
        adapted.save_pretrained(place / name)
        model = adapted.unload()
    return place


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[str]:
    """The URL of one engine that serves the adopted base and the adopted adapters."""
    belay(folder, "adopt", "Their-Qwen2", "--name", "theirs")
    for name in ADAPTERS:
        told = belay(folder, "adopt", name)
        assert "names and shapes fit" in told
    port = a_free_port()
    beside = [word for name in ADAPTERS for word in ("--adapter", name)]
    running = Running(folder, "serve", "theirs", *beside, "--port", str(port), "--name", "shop")
    url = f"http://127.0.0.1:{port}"
    try:
        running.wait_for(lambda: _answers(f"{url}/v1/models"), 300)
        yield url
    finally:
        running.end()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def _prompts(name: str) -> list[str]:
    return [CAPABILITIES[name][1].format(n=n) for n in range(AUDITED + TRAFFIC)]


def _write_brief(folder: Path, url: str) -> Path:
    """A brief whose references are base's own answers."""
    place = folder / "brief"
    place.mkdir()
    (place / "train.jsonl").write_text('{"messages": []}\n')
    with httpx.Client(base_url=url, timeout=60) as http:
        for name in CAPABILITIES:
            with ThreadPoolExecutor(16) as threads:
                answers = list(threads.map(lambda prompt: _ask(http, "shop", prompt), _prompts(name)))
            lines = [
                json.dumps(
                    {
                        "id": f"{name}-{number}",
                        "prompt": prompt,
                        "reference": answer,
                        "split": "audit" if number < AUDITED else "traffic",
                    }
                )
                for number, (prompt, answer) in enumerate(zip(_prompts(name), answers, strict=True))
            ]
            (place / f"{name}.jsonl").write_text("\n".join(lines))
    capabilities = [
        {
            "name": name, "role": role, "why": "users ask for it", "share": 1 / 3, "at_5_percent_loss": "a retry",
            "at_15_percent_loss": "tickets", "threshold": 0.1, "items": f"{name}.jsonl", "max_tokens": 8,
            "exemplars": [CAPABILITIES[name][1].format(n=900 + n) for n in range(3)],
            "judge": {"verifier": "contains_answer"},
        }
        for name, (role, _) in CAPABILITIES.items()
    ]  # fmt: skip
    head = {
        "name": "own",
        "version": "1",
        "owner": "them",
        "summary": "their tasks",
        "training": "train.jsonl",
    }
    path = place / "brief.yaml"
    path.write_text(yaml.safe_dump({**head, "capabilities": capabilities}))
    return path


def _ask(http: httpx.Client, model: str, prompt: str, subject: str = "") -> str:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": 8,
        "temperature": 0,
    }
    answer = http.post(
        "/v1/chat/completions", json=body, headers={"x-session-id": subject} if subject else {}
    )
    assert answer.status_code == 200, answer.text
    content: str = answer.json()["choices"][0]["message"]["content"]
    return content


def _write_project(folder: Path, brief: Path) -> dict[str, Any]:
    """What `belay init` writes, with free ports and the first stage at half of the subjects."""
    arguments = (
        "--yes",
        "--route",
        "shop",
        "--base",
        "far-base",
        "--candidate",
        "far",
        "--brief",
        str(brief),
    )
    belay(folder, "init", *arguments, "--broker", "embedded")
    path = folder / "belay.yaml"
    project: dict[str, Any] = yaml.safe_load(path.read_text())
    project["ports"] = {name: a_free_port() for name in ("router", "status", "control", "engine", "broker")}
    project |= {"stages": "50%:2000", "privacy": "full"}
    path.write_text(yaml.safe_dump(project))
    return project


def test_the_right_adapter_passes_and_base_or_another_adapter_in_its_place_does_not(
    folder: Path, engine: str
) -> None:
    """What an engine answers as the candidate that serves it, base, or another adapter under the candidate's name."""
    store = ModelStore(folder / ".belay" / "models")
    base_at = ModelAddress(engine, "shop")
    keep_reference(store.get("theirs").folder, take_identity(base_at, TOKENS_OF_OURS))
    for name in ADAPTERS:
        at = ModelAddress(engine, store.get(name).served_name)
        keep_reference(store.get(name).folder, take_identity(at, TOKENS_OF_OURS))
    base = Served(store.get("theirs"), base_at)
    assert attest_served(base).state == "attested"

    def answering(name: str, served_name: str) -> Attestation:
        return attest_served(Served(store.get(name), ModelAddress(engine, served_name), base))

    right, other, unapplied = (store.get(name).served_name for name in ADAPTERS)
    for name, own, wrong in (("their-lora", right, other), ("other-lora", other, right)):
        assert answering(name, own).state == "attested"
        for as_base in ("shop", unapplied):
            found = answering(name, as_base)
            assert found.state == "refused"
            assert "base answers in its place" in found.told
        found = answering(name, wrong)
        assert found.state == "refused"
        assert "another model answers" in found.told
    assert answering("no-lora", unapplied).state == "unknown", "nobody can tell it from base"


def test_the_doctor_asks_the_engines_that_run_who_they_are(folder: Path, engine: str) -> None:
    file = folder / "attested.yaml"
    port = int(engine.rpartition(":")[2])
    project = {"route": "shop", "base": "theirs", "brief": "brief.yaml", "ports": {"engine": port}}
    file.write_text(yaml.safe_dump({**project, "candidate": "their-lora"}))
    said = json.loads(belay(folder, "doctor", "--file", str(file), "--json", status=2))["findings"]
    assert {one["what"]: one["state"] for one in said if "who answers" in one["what"]} == {
        "shop: who answers as control": "ok",
        "shop: who answers as candidate": "ok",
    }


def test_a_model_of_ones_own_is_adopted_audited_rolled_out_and_rolled_back(folder: Path, engine: str) -> None:
    lora = next(
        m for m in httpx.get(f"{engine}/v1/models").json()["data"] if m["id"].startswith("their-lora@")
    )
    belay(folder, "adopt", engine, "--model", "shop", "--name", "far-base", "--tokenizer", "Their-Qwen2")
    far = ("--as", "candidate", "--base", "far-base", "--model", lora["id"], "--name", "far")
    belay(folder, "adopt", f"{engine}/v1", *far)
    listed = json.loads(belay(folder, "models", "--json"))["models"]
    assert {m["name"]: m["kind"] for m in listed} == {
        "far": "candidate", "far-base": "base", "theirs": "base", **dict.fromkeys(ADAPTERS, "adapter")
    }  # fmt: skip
    project = _write_project(folder, _write_brief(folder, engine))

    belay(folder, "baseline")
    said = belay(folder, "audit", "far", status=1)
    assert "Verdict: fail" in said
    assert "no passing audit, no rollout" in belay(folder, "up", "--start", status=2)
    told = belay(folder, "doctor", status=2)
    assert "belay override far" in told.replace("\n", " ")

    running = Running(
        folder, "up", "--start", "--override-by", "a test", "--override-reason", "to see it fall"
    )
    try:
        router = f"http://127.0.0.1:{project['ports']['router']}"
        own = f"http://127.0.0.1:{project['ports']['status']}"
        running.wait_for(lambda: "has begun" in running.log.read_text(), 120)
        _send_traffic(router, own)
        state = folder / ".belay" / "runs" / "route-shop" / "rollout.json"
        running.wait_for(lambda: json.loads(state.read_text())["status"] == "rolled_back", 60)
        told = belay(folder, "status")
        assert "rolled_back" in told
        assert "rolled_back" in belay(folder, "rollout", "status")
        assert ModelStore(folder / ".belay" / "models").get("far").manifest.engine is not None
        answer = httpx.get(f"{own}/belay/status", timeout=60).json()
        assert answer["share"] == 0
    finally:
        ended = running.end()
    assert ended == 0
    assert not _answers(f"{router}/belay/healthz"), "nothing is left behind"


def _send_traffic(router: str, own: str) -> None:
    """Every prompt of the split `traffic` once, capabilities in turn, each from a subject of its own."""
    with httpx.Client(base_url=router, timeout=60) as http:
        for number in range(AUDITED, AUDITED + TRAFFIC):
            for name in CAPABILITIES:
                _ask(http, "shop", _prompts(name)[number], subject=f"{name}-{number}")
            if number % 10 == 0 and http.get(f"{own}/belay/status").json()["rollout"] == "rolled_back":
                return
