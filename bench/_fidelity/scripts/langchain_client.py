"""LangChain's models for OpenAI's API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from harness import BASE, KIND, MODEL, run
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel

ASKED = "Name three colours of the rainbow."


class Answer(BaseModel):
    """The colour that is meant."""

    colour: Literal["red", "blue"]


def model(**more: Any) -> ChatOpenAI:
    told: dict[str, Any] = {"model": MODEL, "temperature": 0, "max_tokens": 8, "seed": 7, "max_retries": 0}
    return ChatOpenAI(base_url=BASE, api_key="none", **(told | more))  # type: ignore[arg-type]  # it makes a secret


def told(message: Any) -> Any:
    return {key: value for key, value in message.model_dump().items() if key != "id"}  # which it draws


def stream(**more: Any) -> Any:
    chunks = list(model(**more).stream(ASKED))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return told(whole)


async def asynchronous() -> Any:
    whole = told(await model().ainvoke(ASKED))  # one loop for both: it keeps its connections
    return whole, "".join([str(chunk.content) async for chunk in model().astream(ASKED)])


def refused() -> Any:
    try:
        model(model="nobody").invoke(ASKED)
    except Exception as error:  # noqa: BLE001 - OpenAI's own, of whichever version it has
        return type(error).__name__, str(error)
    raise AssertionError("it was answered")


GENERATING: dict[str, Callable[[], Any]] = {
    "invoke": lambda: told(model().invoke(ASKED)),
    "logprobs": lambda: told(model(logprobs=True).invoke(ASKED)),
    "n=2": lambda: [
        one.text for one in model(n=2, temperature=0.9).generate([[HumanMessage(ASKED)]]).generations[0]
    ],
    "tool": lambda: told(model(max_tokens=16).bind_tools([Answer], tool_choice="Answer").invoke(ASKED)),
    "structured": lambda: (
        model(max_tokens=24).with_structured_output(Answer, method="json_schema").invoke(ASKED)
    ),
    "stream": stream,
    "stream with usage": lambda: stream(stream_usage=True),
    "async": lambda: asyncio.run(asynchronous()),
    "batch": lambda: [
        told(one) for one in model().batch([ASKED, "Count to three."], config={"max_concurrency": 1})
    ],
    "responses": lambda: model(use_responses_api=True, seed=None).invoke("Name a colour.").text,
    "completion": lambda: OpenAI(  # type: ignore[call-arg]  # names of the API, which it takes
        base_url=BASE, api_key="none", model=MODEL, temperature=0, max_tokens=8, max_retries=0
    ).invoke("One, two,"),
    "unknown model": refused,
}
EMBEDDING: dict[str, Callable[[], Any]] = {
    "embeddings": lambda: OpenAIEmbeddings(  # type: ignore[call-arg]  # as above
        base_url=BASE, api_key="none", model=MODEL, check_embedding_ctx_length=False
    ).embed_documents(["red", "blue"]),
}
run(GENERATING if KIND == "generating" else EMBEDDING)
