"""A Llama of a few kilobytes with a word tokenizer and a chat template, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from serving.models.manifest import write_manifest

TEMPLATE = (
    "{% for m in messages %}<s> {{ m['role'] }} : {{ m['content'] }} </s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s> assistant :{% endif %}"
)
WORDS = [
    *("user", "assistant", "system", ":", "hello", "how", "are", "you", "fine", "thanks"),
    *("where", "is", "my", "parcel", "it", "on", "its", "way"),
]


def tiny_tokenizer() -> Any:
    vocabulary = {word: number for number, word in enumerate(["<unk>", "<s>", "</s>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    made.chat_template = TEMPLATE
    return made


def tiny_base(folder: Path, spread: float = 0.02) -> Path:
    """`spread` is that of the random weights: with 0.02 every token is about as likely, whatever is trained."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        initializer_range=spread,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(str(folder))
    tiny_tokenizer().save_pretrained(str(folder))
    write_manifest(folder, kind="base", name="tiny")
    return folder
