"""What is asked of a running suite from outside: whether it works at all, and how many of its answers fail."""

import http.client
import json
import threading
import time
import urllib.parse
from collections import defaultdict, deque

# What anybody may read, one path for each service. A failing one shows in the share of its own path, however small it is
# among all.
PATHS = {"gateway": "/healthz", "auth": "/.well-known/jwks.json", "product": "/v1/products?limit=5", "user": "/v1/users/me"}
EXPECTED = {"user": 401}

REQUESTS_PER_SECOND = 80
WORKERS = 4
WINDOW_SECS = 30
# More than one in two hundred, and no single accident. While old and new serve beside each other the gateway gives the slower
# of them fewer requests, so a version that fails one in twenty shows as one in a hundred.
MOST_FAILED_SHARE = 0.005
FEWEST_FAILED = 3


class Unwell(Exception):
    """The suite does not do what it should."""


class Client:
    """Asks one address, and keeps the connection."""

    def __init__(self, url, headers=None):
        parts = urllib.parse.urlsplit(url)
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address = (parts.hostname, parts.port)
        self._headers = headers or {}
        self._connection = None

    def get(self, path):
        """The status, the headers and the body of the answer; OSError or HTTPException if there is none."""
        try:
            self._connection = self._connection or self._kind(*self._address, timeout=5)
            self._connection.request("GET", path, headers=self._headers)
            answer = self._connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection = None
            raise
        if answer.will_close:
            self._connection = None
        return answer.status, answer.headers, body


def smoke(url, headers=None):
    """Asks every service once for what anybody may have.

    Raises Unwell with all that is not as it should be.
    """
    client, faults = Client(url, headers), []

    def expect(path, status, holds=lambda headers, body: True):
        try:
            got, headers, body = client.get(path)
            if got != status:
                faults.append(f"{path}: {got} instead of {status}")
            elif not holds(headers, body):
                faults.append(f"{path}: not what it should be")
        except (OSError, http.client.HTTPException, ValueError) as error:
            faults.append(f"{path}: {type(error).__name__}: {error}")

    expect("/healthz", 200)
    expect("/openapi.json", 200, lambda _, body: "/v1/products" in json.loads(body)["paths"])
    expect("/.well-known/jwks.json", 200, lambda _, body: json.loads(body)["keys"])
    expect("/v1/products?limit=1", 200, lambda _, body: "items" in json.loads(body))
    expect("/v1/users/me", 401, lambda headers, _: headers["content-type"] == "application/problem+json")
    expect("/internal/v1/events", 404)
    if faults:
        raise Unwell("; ".join(faults))


class Watch:
    """Asks for as long as it is entered, and knows which share of the latest answers failed."""

    def __init__(self, url):
        self._url = url
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seen = defaultdict(deque)
        self._threads = [threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(WORKERS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, turn):
        client, names = Client(self._url), list(PATHS)
        while not self._stop.wait(WORKERS / REQUESTS_PER_SECOND):
            turn += 1
            name = names[turn % len(names)]
            try:
                status, _, _ = client.get(PATHS[name])
                is_well = status == EXPECTED.get(name, 200)
            except (OSError, http.client.HTTPException):
                is_well = False
            with self._lock:
                self._seen[name].append((time.monotonic(), is_well))

    def forget(self):
        """Leaves what was seen until now out of account."""
        with self._lock:
            self._seen.clear()

    def fault(self):
        """What is wrong, in words; none if nothing is."""
        oldest = time.monotonic() - WINDOW_SECS
        with self._lock:
            for name, seen in self._seen.items():
                while seen and seen[0][0] < oldest:
                    seen.popleft()
                failed = sum(not is_well for _, is_well in seen)
                if failed >= FEWEST_FAILED and failed > MOST_FAILED_SHARE * len(seen):
                    return f"{failed} of {len(seen)} requests to {PATHS[name]} failed within {WINDOW_SECS} s"
        return None
