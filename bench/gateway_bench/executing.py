"""A service that writes down each POST it executes, and can be killed at any moment: executing.py PORT FILE."""

from __future__ import annotations

import asyncio
import os
import sys

EXECUTES_SECONDS = 0.005


async def main() -> None:
    """Serves until it is killed."""
    port, path = int(sys.argv[1]), sys.argv[2]
    record = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"POST"):
                    target = head.split(b" ", 2)[1]
                    os.write(record, target.rpartition(b"/")[2] + b"\n")
                    await asyncio.sleep(EXECUTES_SECONDS)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
