"""What a new user brings: a base that Belay does not ship, and a log of what the own users asked.

The base has the shipped weights in another architecture's folder (Mistral), since no other weights can be had
without a download; Belay is told nothing of where it comes from.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from evaluator.briefs.brief import load_brief


def make_base(shipped: Path, folder: Path) -> None:
    """Write the shipped model's weights as a Mistral of the same shape."""
    import torch  # noqa: PLC0415 - seconds to load
    from transformers import (  # noqa: PLC0415 - likewise
        AutoModelForCausalLM,
        AutoTokenizer,
        MistralConfig,
        MistralForCausalLM,
    )

    theirs = AutoModelForCausalLM.from_pretrained(str(shipped), dtype=torch.bfloat16)
    known = theirs.config
    config = MistralConfig(
        vocab_size=known.vocab_size,
        hidden_size=known.hidden_size,
        intermediate_size=known.intermediate_size,
        num_hidden_layers=known.num_hidden_layers,
        num_attention_heads=known.num_attention_heads,
        num_key_value_heads=known.num_key_value_heads,
        max_position_embeddings=known.max_position_embeddings,
        rms_norm_eps=known.rms_norm_eps,
        rope_parameters=known.rope_parameters,
        tie_word_embeddings=known.tie_word_embeddings,
        bos_token_id=known.bos_token_id,
        eos_token_id=known.eos_token_id,
        pad_token_id=known.pad_token_id,
        sliding_window=None,
    )
    mine = MistralForCausalLM(config).to(torch.bfloat16)
    mine.load_state_dict(theirs.state_dict())
    mine.save_pretrained(str(folder))
    AutoTokenizer.from_pretrained(str(shipped)).save_pretrained(str(folder))


def write_log(brief: Path, path: Path, queries: int, seed: int) -> list[str]:
    """A log of requests and responses as OpenAI's API has them, and the prompts in its order.

    The prompts are those of a brief's items; who asked what is drawn, so that some ask often and most ask once.
    """
    draw = random.Random(seed)
    loaded = load_brief(brief)
    items = [
        item for name, group in loaded.items.items() for item in group if name and item.reference is not None
    ]
    draw.shuffle(items)
    chosen = items[:queries]
    with path.open("w", encoding="utf-8") as log:
        for item in chosen:
            subject = f"user-{int(draw.paretovariate(1.2))}-{draw.randrange(40)}"
            request = {
                "messages": [{"role": "user", "content": item.prompt}],
                "user": subject,
                "model": "shop",
            }
            message = {"role": "assistant", "content": _answer(item.reference)}
            line = {"request": request, "response": {"choices": [{"message": message}]}}
            log.write(json.dumps(line) + "\n")
    return [item.prompt for item in chosen]


def review(brief: Path, training: Path) -> None:
    """What a user does by hand to a drafted brief: confirm the proposed references, and give the training data."""
    for path in sorted(brief.parent.glob("items/*.jsonl")):
        items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for item in items:
            proposed = item.pop("proposed", None)
            item["reference"] = item["reference"] if item["reference"] is not None else proposed
        path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    (brief.parent / "train.jsonl").write_bytes(training.read_bytes())


def _answer(reference: object) -> str:
    if isinstance(reference, str):
        return reference
    if isinstance(reference, list):
        return ", ".join(map(str, reference))
    return json.dumps(reference)
