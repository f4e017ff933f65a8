"""vLLM's own benchmark client, `vllm bench serve`, whose command the CPU build does not have."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

from harness import MODEL, URL, run
from vllm.benchmarks.serve import add_cli_args, main  # noqa: TID251 - it is what is measured
from vllm.utils.argparse_utils import FlexibleArgumentParser  # noqa: TID251 - likewise

TOKENIZER = sys.argv[1]
PROMPTS = 16


def bench(backend: str, endpoint: str, *more: str) -> Callable[[], Any]:
    """What it counts; how long it took is another matter."""

    def mode() -> Any:
        parser = FlexibleArgumentParser()
        add_cli_args(parser)
        told = ["--backend", backend, "--endpoint", endpoint, "--base-url", URL, "--model", MODEL, "--seed", "7",
                "--tokenizer", TOKENIZER, "--dataset-name", "random", "--random-input-len", "24", "--ignore-eos",
                "--random-output-len", "8", "--num-prompts", str(PROMPTS), "--max-concurrency", "4", *more]  # fmt: skip
        with contextlib.redirect_stdout(sys.stderr):
            found = main(parser.parse_args(told))
        counts = {
            name: found[name] for name in ("completed", "failed", "total_input_tokens", "total_output_tokens")
        }
        if counts["completed"] != PROMPTS:
            raise ValueError(f"{PROMPTS} were to be answered: {counts}")
        return counts

    return mode


run(
    {
        "chat": bench("openai-chat", "/v1/chat/completions"),
        "completions": bench("openai", "/v1/completions"),
        "with logprobs": bench("openai", "/v1/completions", "--logprobs", "2"),
    }
)
