"""`belay adopt` and `belay models`: models from elsewhere, and what there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from belay.commands import completing
from belay.commands.options import HOME, HomeFolder, KeyEnv
from belay.home import Home
from belay.progress import console_of
from belay.steps.adopt import Adoption
from belay.steps.adopt import adopt as adopt_model
from belay.steps.models import models_table, stock


def adopt(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER_OR_URL", help="A model's or adapter's folder, an engine's URL, a hub name."
        ),
    ],
    role: Annotated[
        Literal["base", "candidate", "adapter"] | None,
        typer.Option("--as", help="What it is; otherwise told from the folder, and from --base."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What it is called here; otherwise its folder's name.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="The base of a candidate or adapter: a model in the home.",
            autocompletion=completing.models("base"),
        ),
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the files, so that nobody changes them; otherwise links.")
    ] = False,
    chat_template: Annotated[
        Path | None, typer.Option(help="A Jinja file, in place of the folder's own chat template.")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch it from the Hugging Face hub under that name.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="Of a URL: the model's name there.")] = None,
    key_env: KeyEnv = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Of a URL: a folder with the model's tokenizer.")
    ] = None,
    home: HomeFolder = HOME,
) -> None:
    """Take in a model of yours: a folder, a PEFT adapter, or one that others serve. Nothing in it is changed.

    Example: `belay adopt ./Llama-3.2-1B-Instruct --as base` or `belay adopt ./my-lora` or
    `belay adopt http://gpu-7:8000 --as candidate --base mine --model support-v2`
    """
    asked = Adoption(source, role, name, base, copy, chat_template, download, model, key_env, tokenizer)
    adopt_model(Home(home.resolve()), asked, console_of())


def models(
    home: HomeFolder = HOME,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the models of the home: origin, hash, audit, rollouts, pins and size.

    Example: `belay models --json`
    """
    found = stock(Home(home.resolve()))
    if as_json:
        typer.echo(json.dumps({"models": [one.as_json for one in found]}, indent=2))
        return
    console = console_of()
    if not found:
        console.print("   no model yet: `belay prepare` makes the shipped base, `belay adopt` takes in yours")
        return
    console.print(models_table(found))
