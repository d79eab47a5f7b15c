"""The containers of a test: a project, volumes and ports of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = sorted(path.name for path in (ROOT / "services").iterdir())


class Stack:
    """The containers of one project."""

    def __init__(self, folder):
        self.folder = folder
        self.port, self.mail_port = free_port(), free_port()
        self.api = f"http://127.0.0.1:{self.port}"
        self.compose = compose_command()
        self.project = f"portico-check-{os.getpid()}"
        self.env = {
            **os.environ,
            "COMPOSE_FILE": "docker-compose.yml:tests/compose/mailbox.yml",
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_PROFILES": "mail",
            "COMPOSE": " ".join(self.compose),
            "PORTICO_PORT": str(self.port),
            "PORTICO_TAG": "check",
            "PORTICO_URL": self.api,
            "MAIL_PORT": str(self.mail_port),
        }

    def run(self, *arguments, **options):
        """Runs a command of Compose; what it says is told only if it fails."""
        return call([*self.compose, *arguments], env=self.env, **options)

    def containers(self, service):
        return self.run("ps", "--quiet", service).split()

    def ended(self, job):
        """The containers of a job, which Compose does not list any more."""
        labels = [f"com.docker.compose.project={self.project}", f"com.docker.compose.service={job}"]
        filters = [argument for label in labels for argument in ("--filter", f"label={label}")]
        return call(["docker", "ps", "--all", "--quiet", *filters]).split()

    def scale(self):
        self.env["COMPOSE_FILE"] += ":docker-compose.scale.yml"


def compose_command():
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    sys.exit("neither docker-compose nor the compose plugin of docker is there")


def call(argv, **options):
    ran = subprocess.run(argv, cwd=ROOT, text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=3000, **options)
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(argv)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def inspect(container):
    return json.loads(call(["docker", "inspect", container]))[0]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, within, condition):
    """Waits until `condition` gives something, and gives it back."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise SystemExit(f"not within {within} s: {what}")


def check(holds, what):
    print(f"{'ok  ' if holds else 'FAIL'}  {what}", flush=True)
    if not holds:
        raise SystemExit(f"does not hold: {what}")


def healthy(container):
    state = inspect(container)["State"]
    return state["Running"] and state.get("Health", {}).get("Status") == "healthy"


@contextmanager
def standing(stack):
    try:
        yield
    except BaseException:
        subprocess.run([*stack.compose, "ps"], cwd=ROOT, env=stack.env)
        subprocess.run([*stack.compose, "logs", "--tail=30"], cwd=ROOT, env=stack.env)
        raise
    finally:
        down = [*stack.compose, "down", "--volumes", "--remove-orphans", "--timeout", "5"]
        subprocess.run(down, cwd=ROOT, env=stack.env, capture_output=True)
