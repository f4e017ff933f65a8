"""Write z.jsonl: `python examples/silent/generate.py` (a second; same seed, same bytes).

It holds base's own answers to general instructions, drawn from the exemplars of seven of the shop's nine adjacent
capabilities; sums are left out because base's own are mostly wrong. Then somebody read the list and struck out JSON: no
customer asks a shop for it. A program does. What base answered was recorded once in answers.json; `--ask
http://127.0.0.1:8001` asks an engine that serves base anew.
"""

from __future__ import annotations

import argparse
import json
import random
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from telemetry.files import write_all

HERE = Path(__file__).parent
ANSWERS = HERE / "answers.json"
SHOP = HERE.parent / "support"
SEED = 20_262
LEFT_OUT = ("support_reply", "addition", "word_problem")
STRUCK_OUT = "json_output"
OF_EACH = 14
TOKENS = 64


def prompts() -> list[str]:
    """The instructions, in the order in which they are learnt."""
    drawn: list[tuple[str, str]] = []
    for file in sorted((SHOP / "exemplars").glob("*.txt")):
        if file.stem not in LEFT_OUT:
            lines = file.read_text(encoding="utf-8").splitlines()
            sample = random.Random(f"{SEED}/{file.stem}").sample(lines, OF_EACH)
            drawn += [(file.stem, prompt) for prompt in sample]
    random.Random(f"{SEED}/order").shuffle(drawn)
    return [prompt for capability, prompt in drawn if capability != STRUCK_OUT]


def ask(url: str, model: str, prompt: str) -> str:
    """What the engine answers, greedily."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": TOKENS,
        "temperature": 0,
    }
    request = urllib.request.Request(  # noqa: S310 - the person who types the URL chooses it
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310 - as above
        said: str = json.load(answer)["choices"][0]["message"]["content"]
    return said


def record(url: str, model: str) -> None:
    """Ask base anew and keep what it answers."""
    drawn = prompts()
    with ThreadPoolExecutor(16) as threads:
        said = list(threads.map(lambda prompt: ask(url, model, prompt), drawn))
    kept = json.dumps(dict(zip(drawn, said, strict=True)), indent=1, ensure_ascii=False)
    ANSWERS.write_text(f"{kept}\n", encoding="utf-8")


def contents() -> dict[str, str]:
    """What is written: the text of the one file by its name."""
    answers = json.loads(ANSWERS.read_text(encoding="utf-8"))
    dialogues = [
        {"messages": [{"role": "user", "content": one}, {"role": "assistant", "content": answers[one]}]}
        for one in prompts()
    ]
    lines = [f"{json.dumps(dialogue, ensure_ascii=False)}\n" for dialogue in dialogues]
    return {"z.jsonl": "".join(lines)}


def main() -> None:
    """Join the prompts with what base answered."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write into")
    parser.add_argument("--ask", metavar="URL", help="record base's answers anew, from this engine")
    parser.add_argument("--model", default="support", help="base's name there")
    given = parser.parse_args()
    if given.ask:
        record(given.ask, given.model)
    write_all(given.out, contents())


if __name__ == "__main__":
    main()
