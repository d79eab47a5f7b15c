"""Starts the guests of examples/guests behind a suite of their own, and calls them through its gateway: guests.py RUNNER FOLDER

The folder gets a portico.toml with the guests' routes, and the data of the suite.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FLASK, DJANGO = ROOT / "examples/guests/flask/app.py", ROOT / "examples/guests/django/app.py"
ROUTE = '\n[[routes]]\nprefix = "{prefix}"\nurl = "http://127.0.0.1:{port}"\ntoken = "required"\nopenapi = "/openapi.json"\n'


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(url, body=None, token=None, headers=None):
    request = urllib.request.Request(url, body and json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})})
    if token:
        request.add_header("authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.code, json.load(answer)


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
        raise SystemExit(f"{what}: {got}, not {status}")
    return got[1]


def main():
    runner, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    ports = {"flask": free_port(), "django": free_port()}
    routes = ROUTE.format(prefix="/v1/reports", port=ports["flask"]) + ROUTE.format(prefix="/v1/notes", port=ports["django"])
    (folder / "portico.toml").write_text((ROOT / "portico.toml").read_text() + routes)
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    suite = subprocess.Popen([runner, "up", "--json", "--port", "0", "--dev-port", "0", "--data", folder / "data"], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    guests = []
    try:
        state = until("the suite is up", lambda: json.loads((folder / "data/state.json").read_text()))
        api = state["gateway"]
        environment["PORTICO_ISSUER"] = api
        commands = {
            "flask": [sys.executable, "-m", "flask", "--app", FLASK, "run", "--port", str(ports["flask"])],
            "django": [sys.executable, DJANGO, "runserver", "--noreload", str(ports["django"])],
        }
        for name, command in commands.items():
            log = (folder / f"{name}.log").open("w")
            guests.append(subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log))
            until(f"{name} is up", lambda: call(f"http://127.0.0.1:{ports[name]}/openapi.json")[0] == 200)
        check(api, state, ports)
    finally:
        for process in [*guests, suite]:
            process.terminate()
        for process in [*guests, suite]:
            process.wait(timeout=60)


def check(api, state, ports):
    logins = {login["role"]: {key: login[key] for key in ("email", "password")} for login in state["logins"]}
    token = lambda role: expect(call(f"{api}/v1/auth/login", logins[role]), 200, "login")["access_token"]
    customer, editor = token("customer"), token("editor")
    tampered = customer[:-6] + ("AAAAAA" if customer[-6:] != "AAAAAA" else "BBBBBB")
    addresses = {"flask": ("/v1/reports/me", f"http://127.0.0.1:{ports['flask']}"), "django": ("/v1/notes", f"http://127.0.0.1:{ports['django']}")}

    for name, (path, guest) in addresses.items():
        for place in (api, guest):
            expect(call(f"{place}{path}"), 401, f"{name} at {place} without a token")
            expect(call(f"{place}{path}", token=tampered), 401, f"{name} at {place} with a tampered token")
            expect(call(f"{place}{path}", headers={"x-user-id": "somebody"}), 401, f"{name} at {place} with a header instead of a token")
            expect(call(f"{place}{path}", token=customer), 200, f"{name} at {place} with a token")
    mine = expect(call(f"{api}/v1/reports/me", token=customer), 200, "the caller's reports")
    assert mine["account"] == expect(call(f"{api}/v1/users/me", token=customer), 200, "me")["id"], mine
    expect(call(f"{api}/v1/reports/sales", token=customer), 403, "a scope that a customer does not have")
    expect(call(f"{api}/v1/reports/sales", token=editor), 200, "a scope that an editor has")
    expect(call(f"{api}/v1/notes", {"text": "Grüße, 世界"}, customer), 201, "a note")
    for bad in ({}, {"text": ""}, {"text": 7}, [], {"text": "x" * 1001}):
        expect(call(f"{api}/v1/notes", bad or {"other": 1}, customer), 422, f"a bad note {str(bad)[:20]}")
    assert expect(call(f"{api}/v1/notes", token=customer), 200, "notes")["items"] == [{"text": "Grüße, 世界"}]
    assert expect(call(f"{api}/v1/notes", token=editor), 200, "another's notes")["items"] == []
    document = until("their paths are in the document", lambda: (found := call(f"{api}/openapi.json")[1]) and "/v1/notes" in found["paths"] and found)
    assert "/v1/reports/me" in document["paths"]
    print("Flask and Django serve behind the gateway, and refuse what is not a good token by themselves")


if __name__ == "__main__":
    main()
