#!/usr/bin/env python3
"""The first hour with Portico, from a new account to refused tokens, in plain Python.

Start the suite with `cargo run`, then run this from the checkout:

    python3 examples/first_hour.py

It needs nothing beyond Python's standard library. Every call goes through the gateway; only the
e-mail is read from the development mailbox, where it ends up on a laptop.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
STATE = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT / ".portico" / "state.json"


class Answer:
    """Status, headers and JSON body of one answer."""

    def __init__(self, status, headers, raw):
        self.status = status
        self.headers = headers
        self.body = json.loads(raw) if raw else None


def call(method, url, body=None, token=None, **headers):
    """Sends one request and prints what came of it; an error status is an answer like any other."""
    request = urllib.request.Request(url, method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", headers.pop("content_type", "application/json"))
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request) as reply:
            answer = Answer(reply.status, reply.headers, reply.read())
    except urllib.error.HTTPError as reply:
        answer = Answer(reply.code, reply.headers, reply.read())
    print(f"{answer.status}  {method:6} {urllib.parse.urlsplit(url).path}")
    return answer


def expect(answer, status):
    """Stops when an answer is not the one this script is about."""
    if answer.status != status:
        sys.exit(f"expected {status}, got {answer.status}: {json.dumps(answer.body, indent=2)}")
    return answer


def wait_for_mail(dev, address):
    """Mail is delivered in the background, so it is asked for until it is there."""
    for _ in range(100):
        with urllib.request.urlopen(f"{dev}/api/mail?to={urllib.parse.quote(address)}") as reply:
            messages = json.load(reply)
        if messages:
            return messages[0]
        time.sleep(0.1)
    sys.exit(f"no mail for {address} within ten seconds")


def main():
    if not STATE.exists():
        sys.exit(f"{STATE} is not there: start the suite with `cargo run` first")
    state = json.loads(STATE.read_text())
    api, dev = state["gateway"], state["dev"]
    logins = {login["role"]: login for login in state["logins"]}

    # A new account. The answer is the same whether or not the address is known already.
    address = f"ada-{uuid.uuid4().hex[:8]}@example.com"
    password = "correct-horse-battery-staple"
    account = {"email": address, "password": password, "display_name": "Ada"}
    expect(call("POST", f"{api}/v1/auth/register", account), 202)

    # Without a verified address there is no login, even with the right password.
    credentials = {"email": address, "password": password}
    expect(call("POST", f"{api}/v1/auth/login", credentials), 403)
    code = wait_for_mail(dev, address)["codes"][0]
    expect(call("POST", f"{api}/v1/auth/email/verify", {"email": address, "code": code}), 204)
    customer = expect(call("POST", f"{api}/v1/auth/login", credentials), 200).body

    # The profile is there at once: it is made from the token if the event has not arrived yet.
    me = expect(call("GET", f"{api}/v1/users/me", token=customer["access_token"]), 200)
    print(f"     hello, {me.body['display_name']}")

    # A customer may not write products; an editor may.
    slug = f"wool-scarf-{uuid.uuid4().hex[:8]}"
    scarf = {
        "slug": slug,
        "title": "Wool scarf",
        "attributes": {"color": "teal"},
        "variants": [{"sku": slug.upper(), "prices": [{"amount_minor": 1999, "currency": "EUR"}]}],
    }
    expect(call("POST", f"{api}/v1/products", scarf, token=customer["access_token"]), 403)
    editor_login = {key: logins["editor"][key] for key in ("email", "password")}
    editor = expect(call("POST", f"{api}/v1/auth/login", editor_login), 200).body
    token = editor["access_token"]
    created = expect(call("POST", f"{api}/v1/products", scarf, token=token), 201)
    product = f"{api}{created.headers['Location']}"

    # A change names the version it is meant for; on an old one it is refused, and nothing is lost.
    etag = created.headers["ETag"]
    patch = {"title": "Wool scarf, extra long"}
    merge = {"content_type": "application/merge-patch+json", "If_Match": etag}
    expect(call("PATCH", product, patch, token, **merge), 200)
    expect(call("PATCH", product, patch, token, **merge), 412)
    expect(call("POST", f"{product}/publish", token=token), 200)

    # Anyone can find it now.
    listed = expect(call("GET", f"{api}/v1/products?sort=-created_at&limit=5"), 200).body
    assert slug in [item["slug"] for item in listed["items"]], "the newest products hold the scarf"
    found = expect(call("GET", f"{api}/v1/search?q=scarf+extra+long"), 200).body
    assert slug in [item["slug"] for item in found["items"]], "the search finds the scarf"

    # A refresh gives a new pair of tokens; logging out ends all of them.
    renewed = {"refresh_token": editor["refresh_token"]}
    tokens = expect(call("POST", f"{api}/v1/auth/refresh", renewed), 200).body
    expect(call("POST", f"{api}/v1/auth/logout", {}, tokens["access_token"]), 204)
    expect(call("POST", f"{api}/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]}), 400)
    deadline = time.monotonic() + 5
    while call("GET", f"{api}/v1/users/me", token=tokens["access_token"]).status != 401:
        if time.monotonic() > deadline:
            sys.exit("the access token still works five seconds after the logout")
        time.sleep(0.1)
    expect(call("GET", f"{api}/v1/users/me", token=editor["access_token"]), 401)
    print("all as it should be")


if __name__ == "__main__":
    main()
