"""An engine with the OpenAI API that knows the brief's answers: `python -m tests.drills.stub_engine PORT ANSWERS`.

`ANSWERS` is a JSON file of prompts and their right answers. `POST /told` with `{"mode", "wrong", "model"}` says how it
behaves from now on:

    well      answers; a fraction `wrong` of its answers is wrong
    memory    says 500, as an engine does that ran out of memory
    hang      takes the request and says nothing
    drip      sends its answer a few bytes at a time, over seconds
    garble    sends bytes that are no HTTP
    die       breaks off in the middle of its answer
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

HANG_S: Final = 600.0
DRIP_S: Final = 0.4
DRIPS: Final = 8
_HEAD: Final = "HTTP/1.1 {} X\r\ncontent-type: {}\r\n"
_JSON: Final = "application/json"


@dataclass
class Stub:
    """The engine. Used by one event loop."""

    answers: dict[str, str]
    mode: str = "well"
    wrong: float = 0.0
    model: str = ""
    dice: random.Random = field(default_factory=lambda: random.Random(11))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                method, target, body = await _request(reader)
                if target == "/told":
                    self._tell(json.loads(body))
                    writer.write(_whole(200, {}))
                elif method == "GET":
                    writer.write(_whole(200, {"object": "list", "data": [{"id": self.model or "m"}]}))
                else:
                    await self._answer(json.loads(body), writer)
                await writer.drain()
        writer.transport.abort()

    def _tell(self, told: dict[str, Any]) -> None:
        for name, value in told.items():
            setattr(self, name, value)

    async def _answer(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if self.mode == "memory":
            writer.write(_whole(500, {"error": {"message": "out of memory", "type": "InternalServerError"}}))
        elif self.mode == "hang":
            await asyncio.sleep(HANG_S)
        elif self.mode == "garble":
            writer.write(b"\x00\xff what is this \r\n\r\n" * 20)
            writer.close()
        else:
            await self._say(self._text(asked), asked, writer)

    def _text(self, asked: dict[str, Any]) -> str:
        prompt = str(asked["messages"][-1]["content"])
        right = self.answers.get(prompt.partition("\n")[0], "I do not know.")
        return "I would rather talk of the weather." if self.dice.random() < self.wrong else right

    async def _say(self, text: str, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        model = self.model or str(asked.get("model", "m"))
        sent = _streamed(text, model) if asked.get("stream") else _whole(200, _completion(text, model))
        if self.mode == "die":
            writer.write(sent[: 2 * len(sent) // 3])
            await writer.drain()
            writer.close()
        elif self.mode == "drip":
            size = len(sent) // DRIPS + 1
            for at in range(0, len(sent), size):
                writer.write(sent[at : at + size])
                await writer.drain()
                await asyncio.sleep(DRIP_S)
        else:
            writer.write(sent)


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    length = 0
    for line in head[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    return method, target, await reader.readexactly(length)


def _whole(status: int, body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    return (_HEAD.format(status, _JSON) + f"content-length: {len(data)}\r\n\r\n").encode() + data


def _completion(text: str, model: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage
    }  # fmt: skip


def _streamed(text: str, model: str) -> bytes:
    events = []
    for at, word in enumerate(text.split(" ")):
        delta = {"content": word if at == 0 else f" {word}"}
        events.append({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    common = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model}
    lines = [f"data: {json.dumps(common | event)}\n\n".encode() for event in events]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(line), line) for line in [*lines, b"data: [DONE]\n\n"])
    return (_HEAD.format(200, "text/event-stream") + "transfer-encoding: chunked\r\n\r\n").encode() + (
        chunks + b"0\r\n\r\n"
    )


async def _run(port: int, stub: Stub) -> None:
    server = await asyncio.start_server(stub.serve, "127.0.0.1", port, limit=8 << 20)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    known = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    asyncio.run(_run(int(sys.argv[1]), Stub(known)))
