"""What the run is made on: the machine, the programs and their versions."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import BenchError

ROOT = Path(__file__).resolve().parents[2]
"""The workspace."""

PACKAGES = {
    "nginx": ("nginx", "nginx"),
    "haproxy": ("haproxy", "haproxy"),
    "caddy": ("caddy", "caddy"),
    "wrk": ("wrk", "wrk"),
    "h2load": ("nghttp2-client", "nghttp2"),
}
"""In which package of Debian and of Homebrew a program is."""

VERSION_OPTIONS = {"nginx": "-v", "haproxy": "-v", "caddy": "version", "wrk": "-v"}
OPEN_FILES = 16_384


def find(program: str) -> str | None:
    """Where a program is; daemons are often outside the path of plain users."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


def require(program: str) -> str:
    """Where a program is, without which there is no run."""
    path = find(program)
    if path is None:
        raise BenchError(f"{program} is missing, and nothing can be measured without it: {how_to_get(program)}")
    return path


def how_to_get(program: str) -> str:
    """The command that installs a program here."""
    debian, homebrew = PACKAGES[program]
    return f"brew install {homebrew}" if sys.platform == "darwin" else f"sudo apt-get install {debian}"


def cores() -> int:
    """How many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def halves() -> tuple[frozenset[int], frozenset[int]]:
    """The cores this process may use, in two halves."""
    if sys.platform != "linux" or cores() < 2:
        raise BenchError("to be apart, they need Linux and two cores")
    usable = sorted(os.sched_getaffinity(0))
    middle = (len(usable) + 1) // 2
    return frozenset(usable[:middle]), frozenset(usable[middle:])


@contextmanager
def on_cores(wanted: frozenset[int] | None) -> Iterator[None]:
    """What is started in the block runs on these cores only; on those of this process without any."""
    if wanted is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_open_files() -> None:
    """Lets this process and its children hold the connections of the load."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def version(program: str) -> str:
    """The name of a program and the first line of what it says of its version."""
    option = VERSION_OPTIONS.get(Path(program).name, "--version")
    # Some write it to the one stream, some to the other, and wrk ends with 1.
    told = subprocess.run([program, option], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    line = (told.stdout + told.stderr).strip().partition("\n")[0]
    name = Path(program).name
    return line if name in line.lower() else f"{name} {line}"


def commit() -> str:
    """The commit that is checked out, marked if files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def description() -> str:
    """CPU, cores, kernel, and how busy the machine is already."""
    busy = os.getloadavg()[0]
    return f"{_cpu_model()}, {cores()} cores, {platform.system()} {platform.release()}, load average {busy:.1f} before"


def _cpu_model() -> str:
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
