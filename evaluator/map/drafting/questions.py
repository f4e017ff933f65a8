"""The questions from which a brief is made, as one table, and what each answer has to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, get_args

from evaluator.briefs.schema import FactsChange
from evaluator.map.drafting import readers
from evaluator.map.drafting.draft import ENDPOINT, default_threshold
from evaluator.verifiers import VERIFIERS

LATER: Final = "?"
"""An answer that leaves the question for later: the brief then says TODO there, and does not load until it is done."""
Given = Mapping[str, Any]


class Question(NamedTuple):
    """One question about the whole brief, or about one capability.

    `help` explains it, `default` is what Enter answers (None: something has to be said), `read` turns the text
    into the value or raises ValueError with what was expected, `asked` says whether it is asked at all. The last
    four take what is known of the capability, or of the brief.
    """

    key: str
    text: str
    help: Callable[[Given], str]
    default: Callable[[Given], str | None]
    read: Callable[[str], Any]
    asked: Callable[[Given], bool]
    choices: Mapping[str, str] = {}


def _ask(
    key: str,
    text: str,
    help: str | Callable[[Given], str] = "",  # noqa: A002 - it reads best in the table below
    *,
    default: str | Callable[[Given], str | None] | None = None,
    read: Callable[[str], Any] | None = None,
    asked: Callable[[Given], bool] | None = None,
    choices: Mapping[str, str] | None = None,
) -> Question:
    said = help if callable(help) else (lambda _: help)
    usual = default if callable(default) else (lambda _: default)
    chosen = readers.one_of(choices) if choices else readers.line
    return Question(key, text, said, usual, read or chosen, asked or (lambda _: True), choices or {})


KINDS: Final[Mapping[str, str]] = {
    "knowledge": "facts that the model has to know",
    "reasoning": "several steps of thought",
    "reading": "what stands in the prompt: classify, extract, sum up",
    "format": "an output of a fixed form, which a program reads",
    "style": "tone, house rules, how things are said",
    "code": "programs",
}
JUDGES: Final[Mapping[str, str]] = {
    **{name: str(verifier.__doc__).splitlines()[0] for name, verifier in VERIFIERS.items()},
    ENDPOINT: "A model grades the answer from 1 to 10 by your rubric. Measure it on known answers (judge_suite).",
}
_SUITS: Final[Mapping[str, str]] = {
    "knowledge": "contains_answer",
    "reasoning": "number",
    "reading": "label",
    "format": "json_keys",
    "style": ENDPOINT,
    "code": "python_parses",
}
_TASKS: Final[Mapping[str, str]] = {
    "knowledge": ", such as mmlu_world_religions, arc_easy, truthfulqa_mc1",
    "reasoning": ", such as gsm8k, arc_challenge",
    "reading": ", such as boolq",
    "format": ", such as ifeval",
    "style": ", such as ifeval",
}


def _is_target(known: Given) -> bool:
    return known.get("role") == "target"


def _judged_by(*names: str) -> Callable[[Given], bool]:
    return lambda known: known.get("judge") in names


TOP: Final[tuple[Question, ...]] = (
    _ask("name", "What is this brief called?", "A word: it names audits and runs.", default=lambda g: g.get("folder")),
    _ask("owner", "Who owns it?", "The team that is asked when a threshold is in the way."),
    _ask("summary", "What does the model do, and for whom?", "Two sentences for somebody who reviews this in a year."),
    _ask(
        "system_prompt",
        "Which system prompt does every request carry?",
        "The audit sends it too. Enter for none.",
        default="",
        read=readers.optional_line,
    ),
    _ask(
        "training",
        "In which file are the training dialogues?",
        'JSONL beside the brief: {"messages": [{"role": "user", "content": "..."}, ...]} a line.',
        default="train.jsonl",
    ),
)  # fmt: skip

CAPABILITY: Final[tuple[Question, ...]] = (
    _ask("why", "Why must it survive?", "Who relies on it, and for what."),
    _ask("quality", "How good do the answers have to stay?", "In words that a reviewer can hold a threshold against."),
    _ask("kind", "What does a good answer mostly take?", choices=KINDS),
    _ask(
        "facts_change",
        "How often do the facts behind the answers change?",
        f"{', '.join(get_args(FactsChange))}; Enter if you do not know. It decides on fine-tuning or retrieval.",
        default="",
        read=readers.optional_one_of(get_args(FactsChange)),
        asked=_is_target,
    ),
    _ask("cites", "Does an answer have to name its source? (y/n)", default="n", read=readers.yes, asked=_is_target),
    _ask(
        "share",
        "What share of the queries is it?",
        "55% or 0.55. Enter if you do not know: what is left is split evenly; `belay map measure` counts it.",
        default="",
        read=readers.optional_fraction,
    ),
    _ask("at_5_percent_loss", "What does a user feel when 5 of 100 answers get worse?"),
    _ask("at_15_percent_loss", "And when 15 of 100 do?"),
    _ask("critical", "Is a loss an incident, rather than a nuisance? (y/n)", default="n", read=readers.yes),
    _ask(
        "threshold",
        "How many points may it lose at most?",
        lambda known: default_threshold(known)[1] + ".",
        default=lambda known: f"{100 * default_threshold(known)[0]:g}",
        read=readers.points,
    ),
    _ask(
        "judge",
        "What judges an answer?",
        "A program where one can: it errs in ways that you know.",
        default=lambda known: _SUITS.get(str(known.get("kind"))),
        choices=JUDGES,
    ),
    _ask("labels", "Which labels are there?", "Separated by commas.", read=readers.labels, asked=_judged_by("label")),
    _ask("opening", "What does every reply begin with?", asked=_judged_by("support_reply")),
    _ask("closing", "And end with?", asked=_judged_by("support_reply")),
    _ask("url", "At which URL does the judge answer?", "Anything that speaks the OpenAI API.", read=readers.url,
         asked=_judged_by(ENDPOINT)),
    _ask("model", "What is it called there?", asked=_judged_by(ENDPOINT)),
    _ask("rubric", "What is a good answer? The judge reads this.", asked=_judged_by(ENDPOINT)),
    _ask(
        "chance",
        "What does guessing score?",
        "A base that is no better is at the floor: reported, never tested.",
        default=lambda known: f"{1 / len(known.get('labels') or [0, 0]):.3g}",
        read=readers.chance,
        asked=_judged_by("label"),
    ),
    _ask(
        "items",
        "In which file are its test items?",
        "JSONL beside the brief; where it is missing, one with an example is made.",
        default=lambda known: f"items/{known['name']}.jsonl",
    ),
    _ask(
        "exemplars",
        "In which file are prompts as users write them?",
        "A text file, one a line, 20 or more; they teach Belay to recognise the capability. Made where missing.",
        default=lambda known: f"exemplars/{known['name']}.txt",
    ),
    _ask(
        "benchmarks",
        "Which lm-eval tasks measure it too?",
        lambda known: f"Separated by commas{_TASKS.get(str(known.get('kind')), '')}. Enter for none.",
        default="",
        read=readers.tasks,
    ),
)  # fmt: skip

TARGET = _ask(
    "name",
    "What is the fine-tuning for? Name that capability.",
    "One word, such as support_reply.",
    read=readers.name,
)
ANOTHER = _ask(
    "name",
    "What else do people use this model for? Name the next capability.",
    "What would somebody miss if it were gone tomorrow: facts, sums, extraction, JSON, summaries, code? Enter when "
    "there is no more.",
    default="",
    read=readers.optional_name,
)  # fmt: skip
SHARES = _ask(
    "shares",
    "The shares do not add up. Scale them (s), or tell them again (a)?",
    default="s",
    choices={"s": "scale all in proportion", "a": "tell them again"},
)
