"""Honest clients: kept connections, a fixed rate whatever the answers take, and no second try."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

ANSWER_SECONDS = 15.0

Address = tuple[str, int]


@dataclass
class Told:
    """What the clients of one kind have seen."""

    milliseconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Requests that were sent."""
        return len(self.milliseconds) + len(self.failures)

    def percentile(self, share: float) -> float:
        """The time within which this share was answered."""
        ordered = sorted(self.milliseconds) or [0.0]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Connection:
    """A kept connection, opened anew where HTTP allows it: never after a request was written and not answered."""

    def __init__(self, choose: Callable[[], Address]) -> None:
        self._choose = choose
        self._address: Address | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def exchange(self, request: bytes) -> int:
        """Sends a request and tells the status; an error if there is no whole answer."""
        address = self._choose()
        if self._reader is None or self._address != address or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection(*address)
            self._address = address
        assert self._writer is not None
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = next((line for line in head.split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        await self._reader.readexactly(int(length.split(b":")[1]))
        if b"\r\nconnection: close" in head:
            self.close()
        return int(head.split()[1])

    def close(self) -> None:
        """Forgets the connection."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()
        self._reader = self._writer = None


async def flow(
    rate: float,
    seconds: float,
    clients: int,
    choose: Callable[[], Address],
    request: Callable[[], bytes],
) -> Told:
    """So many requests a second from so many clients. What is not 2xx is a failure."""
    told, began = Told(), time.perf_counter()

    async def client(number: int) -> None:
        connection, sent = Connection(choose), 0
        while (due := began + (sent * clients + number) / rate) < began + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent += 1
            asked = time.perf_counter()
            try:
                status = await asyncio.wait_for(connection.exchange(request()), ANSWER_SECONDS)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                told.failures.append(type(error).__name__)
                connection.close()
                continue
            if 200 <= status < 300:
                told.milliseconds.append((time.perf_counter() - asked) * 1000)
            else:
                told.failures.append(str(status))
        connection.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return told
