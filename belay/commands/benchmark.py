"""The commands that run a benchmark whole: `belay benchmark lm-eval`, `belay benchmark mt-bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from belay.commands.options import ALIAS, HOME, HomeFolder, ModelName
from belay.home import Home
from belay.progress import console_of

Url = Annotated[str, typer.Option("--url", help="The engine that serves the model, without /v1.")]
BENCHMARK_COMMANDS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Run a public benchmark whole. An audit asks of it only what it needs.\n\n"
    "Example: `belay benchmark lm-eval arc_easy --folder .belay/models/mine`",
)


@BENCHMARK_COMMANDS.command("lm-eval")
def lm_eval(
    tasks: Annotated[list[str], typer.Argument(help="Tasks or groups by lm-eval's own names.")],
    folder: Annotated[Path, typer.Option(help="The model's folder, with its tokenizer and manifest.")],
    url: Url = "http://127.0.0.1:8001",
    model: ModelName = ALIAS,
    out: Annotated[Path, typer.Option(help="Where lm-eval's result and sample files go.")] = Path("lm_eval"),
    include_path: Annotated[
        Path | None, typer.Option(help="A folder of task files of your own; they come first.")
    ] = None,
    fewshot: Annotated[int | None, typer.Option(help="Examples before each question.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many documents of each task.")] = None,
    chat_template: Annotated[
        bool, typer.Option("--chat-template", help="Apply the folder's chat template.")
    ] = False,
) -> None:
    """Run lm-eval's tasks on a served model and keep lm-eval's files. Data come from this machine, not from a hub.

    Example: `belay benchmark lm-eval arc_easy --folder .belay/models/mine --limit 200`
    """
    from belay.steps import benchmark

    benchmark.lm_eval(
        tasks,
        folder,
        url,
        model,
        out,
        console_of(),
        include_path=include_path,
        fewshot=fewshot,
        limit=limit,
        chat_template=chat_template,
    )


@BENCHMARK_COMMANDS.command("mt-bench")
def mt_bench(
    questions: Annotated[
        Path, typer.Option(help="MT-Bench's question.jsonl, with its reference answers beside it.")
    ],
    judge_url: Annotated[str, typer.Option(help="Where the judging model answers (OpenAI API).")],
    judge_model: Annotated[str, typer.Option(help="The judging model's name there.")],
    judge_rubric: Annotated[str, typer.Option(help="What counts, in a sentence.")] = "Correct and helpful.",
    judge_key_env: Annotated[
        str | None, typer.Option(help="The environment variable that holds the judge's key.")
    ] = None,
    category: Annotated[str, typer.Option(help="One category, or `all`.")] = "all",
    url: Url = "http://127.0.0.1:8001",
    model: ModelName = ALIAS,
    other_url: Annotated[
        str | None,
        typer.Option(help="Another model's engine: it is graded too, and compared in both orders."),
    ] = None,
    other_model: Annotated[str, typer.Option(help="The other model's name there.")] = ALIAS,
    max_tokens: Annotated[int, typer.Option(help="The longest answer.")] = 1024,
    out: Annotated[Path | None, typer.Option(help="Write answers, grades and verdicts to this file.")] = None,
    home: HomeFolder = HOME,
) -> None:
    """Have a model answer MT-Bench and another one grade it from 1 to 10, by category.

    Example: `belay benchmark mt-bench --questions question.jsonl --judge-url http://judge:8000 --judge-model judge-1`
    """
    from belay.steps import benchmark
    from evaluator.briefs.schema import JudgeEndpoint

    judge = JudgeEndpoint(url=judge_url, model=judge_model, rubric=judge_rubric, api_key_env=judge_key_env)
    models = [(url, model)] + ([(other_url, other_model)] if other_url else [])
    benchmark.mt_bench(
        questions, category, judge, models, max_tokens, out, Home(home.resolve()), console_of()
    )
