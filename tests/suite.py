"""What the test commands share: commands that must succeed, requests, and a suite of their own to send them to."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNNER = ROOT / "target/debug/portico"
# The first start of a runner that is not built compiles all there is.
READY_WITHIN = 1800


def environment(author):
    """That of the caller, for a copy of the checkout: it builds in the checkout's target/, and commits as `author`."""
    who = {f"GIT_{role}_{part}": f"{author}{end}" for role in ("AUTHOR", "COMMITTER") for part, end in (("NAME", ""), ("EMAIL", "@localhost"))}
    return {**os.environ, **who, "CARGO_TARGET_DIR": str(ROOT / "target")}


def run(*command, cwd=ROOT, env=None, check=True, stdin=""):
    """Runs a command; what it prints is shown only if it fails and must not."""
    ran = subprocess.run(command, cwd=cwd, env=env, text=True, input=stdin, capture_output=True)
    if check and ran.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))[:300]} ended with {ran.returncode}:\n{ran.stdout[-6000:]}\n{ran.stderr[-6000:]}")
    return ran


def call(method, url, token=None, body=None, within=30, **headers):
    """Status, headers and JSON of an answer, which is `within` so many seconds or a TimeoutError."""
    request = urllib.request.Request(url, method=method, data=json.dumps(body).encode() if body is not None else None)
    headers = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    for name, value in headers.items():
        request.add_header(name, value)
    if token:
        request.add_header("authorization", f"Bearer {token}")
    try:
        answer = urllib.request.urlopen(request, timeout=within)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        raw = answer.read()
        return answer.status, answer.headers, json.loads(raw) if raw else None


class Suite:
    """A suite on free ports with its data in `data`, from the start of a block to its end; on a Postgres of its own."""

    def __init__(self, data, cwd=ROOT, env=None, command=(RUNNER, "up", "--json", "--port", "0", "--dev-port", "0")):
        self.path = Path(data) / "state.json"
        env = {name: value for name, value in (env or os.environ).items() if name != "DATABASE_URL"}
        self._started = {"args": [*map(str, command), "--data", str(data)], "cwd": cwd, "env": env}

    def __enter__(self):
        # What an end by force has left would be taken for a sign of life.
        self.path.unlink(missing_ok=True)
        self._log = tempfile.TemporaryFile("w+", errors="replace")
        # A group of its own, because Cargo does not hand on a signal that is for it alone.
        self._process = subprocess.Popen(**self._started, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True)
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        self.state = json.loads(self.path.read_text())
        self.gateway = self.state["gateway"]
        return self

    def _wait(self):
        give_up = time.monotonic() + READY_WITHIN
        while not self.path.exists():
            if self._process.poll() is not None:
                self._fail(f"the suite ended with {self._process.returncode} before it was ready")
            if time.monotonic() > give_up:
                self._fail(f"the suite was not ready within {READY_WITHIN} s")
            time.sleep(0.05)

    def token(self, role="customer"):
        """Of a demo login."""
        login = next(login for login in self.state["logins"] if login["role"] == role)
        status, _, answer = call("POST", f"{self.gateway}/v1/auth/login", body={"email": login["email"], "password": login["password"]})
        if status != 200:
            sys.exit(f"login as {role}: {status} {answer}")
        return answer["access_token"]

    def __exit__(self, kind, *_):
        ended = self._stop()
        if kind is None and ended not in (0, 128 + signal.SIGINT, -signal.SIGINT):
            self._fail(f"the suite ended with {ended}")

    def _stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(60)

    def _fail(self, what):
        self._log.seek(0)
        sys.exit(f"{what}:\n{self._log.read()[-3000:]}")
