"""Runs product, and fails as FAULT says: `answers` gives one request in twenty a 500, `never-ready` never serves."""

import asyncio
import os
import signal
import sys
import time

SHARE = 20
REFUSAL = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


async def main():
    if sys.argv[1:] != ["serve"]:
        os.execv("/portico", ["/portico", *sys.argv[1:]])
    if os.environ["FAULT"] == "never-ready":
        time.sleep(3600)
    listen = os.environ["LISTEN"]
    environment = {**os.environ, "LISTEN": "127.0.0.1:18083"}
    product = await asyncio.create_subprocess_exec("/portico", "serve", env=environment)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, product.terminate)
    host, port = listen.rsplit(":", 1)
    await asyncio.start_server(serve, host, int(port))
    sys.exit(await product.wait())


seen = 0


async def serve(reader, writer):
    """One connection: reads requests one by one, and passes all but every twentieth on."""
    global seen
    upstream = None
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await body_of(head, reader)
            seen += 1
            if seen % SHARE == 0:
                writer.write(REFUSAL)
                await writer.drain()
                continue
            if upstream is None:
                upstream = await asyncio.open_connection("127.0.0.1", 18083)
            upstream[1].write(head + body)
            answer = await upstream[0].readuntil(b"\r\n\r\n")
            no_body = head.startswith(b"HEAD ") or answer.split(b" ", 2)[1] in (b"204", b"304")
            writer.write(answer + (b"" if no_body else await body_of(answer, upstream[0])))
            await writer.drain()
            if b"connection: close" in answer.lower():
                return
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
        if upstream:
            upstream[1].close()


async def body_of(head, reader):
    fields = dict(line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if b":" in line)
    if b"content-length" in fields:
        return await reader.readexactly(int(fields[b"content-length"]))
    body = b""
    while b"chunked" in fields.get(b"transfer-encoding", b""):
        size = await reader.readuntil(b"\r\n")
        piece = await reader.readexactly(int(size, 16) + 2)
        body += size + piece
        if int(size, 16) == 0:
            break
    return body


asyncio.run(main())
