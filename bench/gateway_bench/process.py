"""Programs started for the run: ready before they are used, and gone afterwards whatever happened."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .client import is_ok
from .errors import BenchError
from .machine import on_cores

READY_SECONDS = 20.0
STOP_SECONDS = 3.0
POLL_SECONDS = 0.001


@dataclass(frozen=True)
class Launch:
    """How a program is started, the URL that answers 200 once it is ready, and the cores it has, if not all."""

    argv: list[str]
    env: dict[str, str]
    ready_url: str
    cores: frozenset[int] | None = None


class Process:
    """A running program with all its children, which are in a process group of their own."""

    def __init__(self, launch: Launch, log: Path) -> None:
        self.log = log
        started = time.perf_counter()
        with log.open("wb") as output, on_cores(launch.cores):
            self._child = subprocess.Popen(
                launch.argv,
                env=launch.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.group = self._child.pid
        try:
            self._wait_until_ready(launch)
        except BaseException:
            self.stop()
            raise
        self.ready_seconds = time.perf_counter() - started

    def _wait_until_ready(self, launch: Launch) -> None:
        give_up = time.monotonic() + READY_SECONDS
        while not is_ok(launch.ready_url):
            status = self._child.poll()
            if status is not None:
                raise BenchError(f"{launch.argv[0]} ended with {status} instead of serving:\n{self.last_lines()}")
            if time.monotonic() > give_up:
                raise BenchError(f"{launch.argv[0]} is not ready after {READY_SECONDS:.0f} s:\n{self.last_lines()}")
            time.sleep(POLL_SECONDS)

    def last_lines(self) -> str:
        """The end of what it wrote."""
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """Asks it to end, then ends it and what is left of its children."""
        if self._child.poll() is None:
            self._child.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_SECONDS)
        with suppress(OSError):
            os.killpg(self.group, signal.SIGKILL)
        self._child.wait()


@contextmanager
def running(launch: Launch, log: Path) -> Iterator[Process]:
    """A program that is ready, stopped at the end of the block."""
    process = Process(launch, log)
    try:
        yield process
    finally:
        process.stop()


@dataclass(frozen=True)
class Ports:
    """Where a program listens on the loopback interface: for HTTP/1.1, and for HTTP/2 with prior knowledge."""

    h1: int
    h2: int

    def url(self, path: str) -> str:
        """The address of a path, over HTTP/1.1."""
        return f"http://127.0.0.1:{self.h1}{path}"

    def h2_url(self, path: str) -> str:
        """The address of a path, over HTTP/2."""
        return f"http://127.0.0.1:{self.h2}{path}"


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports
