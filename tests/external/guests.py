"""Starts a suite with the guests of examples/guests, and calls them through its gateway: guests.py RUNNER FOLDER

The folder gets the data of the suite.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from suite import ROOT, call  # noqa: E402

# The first start makes their environments.
START_WITHIN = 300


def until(what, condition, within=60):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (OSError, ValueError):
            pass
        time.sleep(0.1)
    raise SystemExit(f"not within {within} s: {what}")


def expect(got, status, what):
    if got[0] != status:
        raise SystemExit(f"{what}: {got[0]} {got[2]}, not {status}")
    return got[2]


def is_gone(address):
    try:
        urllib.request.urlopen(address, timeout=10)
    except urllib.error.HTTPError:
        return False
    except OSError:
        return True
    return False


class Suite:
    """A suite with both guests, which `stop` ends with a signal, and the guests with it."""

    def __init__(self, runner, data):
        environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
        command = [runner, "up", "--with", "flask", "--with", "django", "--json", "--port", "0", "--dev-port", "0", "--data", data]
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        self._file = data / "state.json"
        self.state = until("the suite is up", self._read, within=START_WITHIN)
        self.guests = {name: guest["address"] for name, guest in self.state["guests"].items()}

    def _read(self):
        if self._process.poll() is not None:
            raise SystemExit(f"the suite has ended with {self._process.returncode}")
        return json.loads(self._file.read_text())

    def stop(self, how):
        self._process.send_signal(how)
        self._process.wait(timeout=60)
        self._file.unlink(missing_ok=True)
        for name, address in self.guests.items():
            until(f"{name} is gone after {how.name}", lambda: is_gone(address))


def main():
    runner, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    suite = Suite(runner, folder / "data")
    try:
        assert sorted(suite.guests) == ["django", "flask"], suite.guests
        check(suite.state, suite.guests)
    finally:
        suite.stop(signal.SIGINT)
    Suite(runner, folder / "data").stop(signal.SIGKILL)
    print("Flask and Django serve behind the gateway, refuse what is not a good token by themselves, and end with the suite")


def check(state, guests):
    api = state["gateway"]
    logins = {login["role"]: {key: login[key] for key in ("email", "password")} for login in state["logins"]}
    token = lambda role: expect(call("POST", f"{api}/v1/auth/login", body=logins[role]), 200, "login")["access_token"]
    customer, editor = token("customer"), token("editor")
    tampered = customer[:-6] + ("AAAAAA" if customer[-6:] != "AAAAAA" else "BBBBBB")

    for name, path in {"flask": "/v1/reports/me", "django": "/v1/notes"}.items():
        for place in (api, guests[name]):
            expect(call("GET", f"{place}{path}"), 401, f"{name} at {place} without a token")
            expect(call("GET", f"{place}{path}", token=tampered), 401, f"{name} at {place} with a tampered token")
            expect(call("GET", f"{place}{path}", x_user_id="somebody"), 401, f"{name} at {place} with a header instead of a token")
            expect(call("GET", f"{place}{path}", token=customer), 200, f"{name} at {place} with a token")
    mine = expect(call("GET", f"{api}/v1/reports/me", token=customer), 200, "the caller's reports")
    assert mine["account"] == expect(call("GET", f"{api}/v1/users/me", token=customer), 200, "me")["id"], mine
    expect(call("GET", f"{api}/v1/reports/sales", token=customer), 403, "a scope that a customer does not have")
    expect(call("GET", f"{api}/v1/reports/sales", token=editor), 200, "a scope that an editor has")
    expect(call("POST", f"{api}/v1/notes", customer, {"text": "Grüße, 世界"}), 201, "a note")
    for bad in ({}, {"text": ""}, {"text": 7}, [], {"text": "x" * 1001}):
        expect(call("POST", f"{api}/v1/notes", customer, bad), 422, f"a bad note {str(bad)[:20]}")
    assert expect(call("GET", f"{api}/v1/notes", token=customer), 200, "notes")["items"] == [{"text": "Grüße, 世界"}]
    assert expect(call("GET", f"{api}/v1/notes", token=editor), 200, "another's notes")["items"] == []
    document = until("their paths are in the document", lambda: (found := call("GET", f"{api}/openapi.json")[2]) and "/v1/notes" in found["paths"] and found)
    assert "/v1/reports/me" in document["paths"]


if __name__ == "__main__":
    main()
