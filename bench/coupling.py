"""What one seed for both arms of a pair saves: base and a damaged model answer from real vLLMs, at four temperatures.

    python bench/coupling.py            # about an hour on two busy cores, most of it answers; what was answered is kept
    python bench/coupling.py --quick    # forty prompts, two temperatures
    python bench/coupling.py --tuned FOLDER   # a fine-tune that forgets, trained here otherwise (minutes)

Prompts come from examples/support/traffic.py, which shares no run of six words with the brief, and scores are the
truths that were made with them. The damaged model lies at .35 between base and the naive fine-tune.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
from _shape import Figure, Result, arguments, finish, say
from _watch.answers import Subject, folder_of
from _watch.world import CACHE, Question, naive, questions

from evaluator.watch.evidence.sequential import History
from evaluator.watch.evidence.whose import DropTests
from router.proxy.shadowing.coupling import seed_of
from serving.engines.vllm_engine import EngineSettings, VllmEngine
from serving.models.base_model import prepare_base_model
from serving.server import free_port
from telemetry.files import write_renamed

THRESHOLD = 0.05
BAR = 1_000.0
"""One of ten capabilities at alpha 1%."""
STREAMS = 400
MOST = 20_000
AT_ONCE = 16
DAMAGED = 0.35


def ask(
    engine: str, model: str, asked: Sequence[Question], temperature: float, name: str, cache: Path
) -> list[str]:
    """The answers to every question, each with the seed that `name` gives it; kept in `cache`."""
    file = cache / f"{model}-{temperature:g}-{name}-{len(asked)}.json"
    if file.is_file():
        return [str(text) for text in json.loads(file.read_text(encoding="utf-8"))]

    def one(number: int) -> str:
        body = {
            "model": model,
            "messages": [turn.model_dump() for turn in asked[number].asked.turns],
            "max_tokens": asked[number].asked.max_tokens,
            "temperature": temperature,
            "seed": seed_of(f"{name}-{number}"),
        }
        answer = client.post(f"{engine}/v1/chat/completions", json=body)
        answer.raise_for_status()
        return str(answer.json()["choices"][0]["message"]["content"])

    with httpx.Client(timeout=600.0) as client, ThreadPoolExecutor(AT_ONCE) as threads:
        texts = list(threads.map(one, range(len(asked))))
    cache.mkdir(parents=True, exist_ok=True)
    write_renamed(file, json.dumps(texts, ensure_ascii=False).encode())
    say(f"{model} at {temperature:g} with the seeds {name!r}: {len(texts)} answers")
    return texts


def answers(
    base: Path, subject: Subject, asked: Sequence[Question], wanted: Sequence[tuple[float, str]], cores: str
) -> dict[tuple[float, str], list[str]]:
    """What one model answers, for each temperature and name of seeds."""
    cache = CACHE / "coupling"
    settings = EngineSettings(
        folder=folder_of(base, subject, CACHE / "answers"),
        served_name=subject.name,
        port=free_port(),
        log_file=CACHE / f"coupling-{subject.name}.log",
        threads_bind=cores,
    )
    with VllmEngine(settings) as engine:
        engine.wait_healthy()
        return {key: ask(engine.url, subject.name, asked, *key, cache) for key in wanted}


def gaps(asked: Sequence[Question], control: Sequence[str], candidate: Sequence[str]) -> np.ndarray:
    """Control's true score minus the candidate's, where both have one."""
    found = [(q.truth(a), q.truth(b)) for q, a, b in zip(asked, control, candidate, strict=True)]
    return np.array([a - b for a, b in found if a is not None and b is not None])


def pairs_needed(differences: np.ndarray, drop: float, seed: int) -> float:
    """Mean pairs until the watch is sure of a mean gap of `drop`, over streams drawn from these differences.

    Two sets of answers differ in their mean by chance too, which is not what is asked: each is shifted to `drop`.
    """
    rng = np.random.default_rng(seed)
    shifted = np.clip(differences + drop - differences.mean(), -1.0, 1.0)
    needed = []
    for _ in range(STREAMS):
        tests, past, count = DropTests(THRESHOLD), History(), 0
        while tests.e_value < BAR and count < MOST:
            for gap in rng.choice(shifted, 256):
                tests.pair(past, float(gap))
                past.add_pair(max(float(gap), 0.0), max(-float(gap), 0.0))
                count += 1
                if tests.e_value >= BAR:
                    break
        needed.append(count)
    return float(np.mean(needed))


def main() -> None:
    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--tuned", type=Path, help="folder of a fine-tune that forgets; trained here without"
        )
        parser.add_argument("--cores", default="auto", help="cores of the engines")
        parser.add_argument("--prompts", type=int, default=240)

    options = arguments(__doc__ or "", more=more)
    result = Result("coupling", options.quick, options.seed)
    temperatures = (0.0, 0.7) if options.quick else (0.0, 0.3, 0.7, 1.0)
    asked = questions(40 if options.quick else options.prompts, options.seed)
    base, tuned = prepare_base_model(CACHE / "base"), options.tuned or naive()
    both = [(t, "one") for t in temperatures]
    control = answers(base, Subject("base"), asked, both, options.cores)
    apart = [(t, "another") for t in temperatures if t > 0.0]
    damaged = Subject("third", DAMAGED, tuned)
    candidate = answers(base, damaged, asked, [*both, *apart], options.cores)
    for t in temperatures:
        coupled = gaps(asked, control[t, "one"], candidate[t, "one"])
        plain = gaps(asked, control[t, "one"], candidate[t, "another" if t > 0.0 else "one"])
        drop = max(float(np.concatenate([coupled, plain]).mean()), 2 * THRESHOLD)
        ours, theirs = (pairs_needed(one, drop, options.seed) for one in (coupled, plain))
        same = [
            float(np.mean([a == b for a, b in zip(control[t, "one"], candidate[key], strict=True)]))
            for key in ((t, "one"), (t, "another" if t > 0.0 else "one"))
        ]
        result.add(
            Figure(
                f"coupled_pairs_vs_pairs_{t:g}",
                ours / theirs,
                "ratio",
                ours,
                theirs,
                0.5 if t == 0.7 else None,
                "lower",
                f"{len(coupled)} prompts at temperature {t:g}; pairs until a drop of {100 * drop:.0f} points is proven "
                f"(threshold 5, bar {BAR:,.0f}), mean of {STREAMS} streams drawn from them; second moment of the gap "
                f"{np.mean(coupled**2):.3f} with one seed, {np.mean(plain**2):.3f} with two; equal answers "
                f"{same[0]:.0%} and {same[1]:.0%}",
            )
        )
    finish(result, as_json=options.json)


if __name__ == "__main__":
    main()
