"""Many open pages at once: raw connections to the stream, and when each has an update."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import urlsplit


async def updates(
    url: str, clients: int, counts: list[int], report: Callable[[int], float]
) -> list[list[float]]:
    """For each report the delays (ms) of those clients that had it within two seconds."""
    place = urlsplit(url)
    opened = await asyncio.gather(*(_open(str(place.hostname), place.port or 80) for _ in range(clients)))
    seen: dict[int, list[float]] = {count: [] for count in counts}
    tasks = [asyncio.create_task(_read(reader, seen)) for reader, _ in opened]
    delays = []
    await asyncio.sleep(1.0)
    for count in counts:
        at = await asyncio.to_thread(report, count)
        await asyncio.sleep(2.0)
        delays.append([when - at for when in seen[count] if when - at < 2000])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for _, writer in opened:
        writer.close()
    return delays


async def _open(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    writer.write(f"GET /api/stream?rollout=support-2 HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    return reader, writer


async def _read(reader: asyncio.StreamReader, seen: dict[int, list[float]]) -> None:
    waiting = {f'"settled":{count},'.encode(): count for count in seen}
    while line := await reader.readline():
        if line.startswith(b"data: ") and b'"capabilities"' in line:
            now = time.time() * 1000
            for text in [text for text in waiting if text in line]:
                seen[waiting.pop(text)].append(now)
