"""Moves the name of a service while the gateway is asked for it, and then lets the name be lost.

    names.py GATEWAY TOKENS [MOVES [SECONDS]]

GATEWAY is the binary, TOKENS a folder with what the example `mint` of portico-testkit has written. The gateway runs with
an /etc/hosts of its own, which is read for every look-up: `unshare` and `mount` are needed, and root or the right to a
user namespace. MOVES is how often the name moves, SECONDS how long it cannot be looked up then.
"""

import base64
import collections
import contextlib
import http.client
import http.server
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

GATEWAY, TOKENS = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
MOVES, LOST_SECONDS = (int(text) for text in [*sys.argv[3:], "5", "15"][:2])
CLAIMS = json.loads(base64.urlsafe_b64decode((TOKENS / "tokens.txt").read_text().split()[0].split(".")[1] + "=="))
NAME = "shop.portico.test"
PLACES = ["127.0.0.1", "127.0.0.2"]
RATE = 500
THREADS = 5
# It looks names up every five seconds.
SEEN_WITHIN = 15

# Where the shell binds the file, the gateway sees it in place of the system's; nobody else does.
START = 'mount --bind "$0" /etc/hosts && exec "$@"'


class Service(http.server.BaseHTTPRequestHandler):
    """Answers every path with the address it was asked at, and plays the issuer."""

    protocol_version = "HTTP/1.1"
    # Head and body in one write: in two, the second waits for the first to be acknowledged.
    wbufsize = -1
    hits = collections.Counter()

    def do_GET(self):
        place = self.server.server_address[0]
        if self.path == "/jwks.json":
            body = (TOKENS / "jwks.json").read_bytes()
        elif self.path.startswith("/revocations"):
            body = b'{"items":[],"next":"none"}'
        else:
            body = place.encode()
            self.hits[place] += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024


class Traffic(threading.Thread):
    """Asks again and again over one connection, and counts what came of it."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.told = collections.Counter()
        self.stopping = threading.Event()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.stopping.wait(THREADS / RATE):
            try:
                connection.request("GET", "/v1/shop")
                answer = connection.getresponse()
                answer.read()
                self.told[answer.status] += 1
            except (OSError, http.client.HTTPException) as error:
                self.told[type(error).__name__] += 1
                connection.close()


def free_port():
    with socket.socket() as listener:
        listener.bind(("", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def gateway(folder, service, hosts):
    """The binary, ready, at a port."""
    port, internal = free_port(), free_port()
    routes = folder / "portico.toml"
    routes.write_text(f'[[routes]]\nprefix = "/v1/shop"\nurl = "http://{NAME}:{service}"\ntoken = "ignored"\n')
    env = {
        "LISTEN": f"127.0.0.1:{port}",
        "INTERNAL_LISTEN": f"127.0.0.1:{internal}",
        "AUTH_ISSUER": CLAIMS["iss"],
        "AUTH_AUDIENCE": CLAIMS["aud"],
        "JWKS_URL": f"http://127.0.0.1:{service}/jwks.json",
        "REVOCATIONS_URL": f"http://127.0.0.1:{service}/revocations",
        "PORTICO_TOML": str(routes),
        "DRAIN_DELAY_SECS": "0",
        "DRAIN_TIMEOUT_SECS": "2",
        "LOG": "error",
        "PATH": os.environ["PATH"],
    }
    namespace = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    process = subprocess.Popen([*namespace, "sh", "-c", START, hosts, GATEWAY, "serve"], env=env)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{internal}/health/ready")
                break
            assert process.poll() is None, "the gateway has ended"
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        assert process.wait(20) == 0, "the gateway did not end well"


def wait_until_asked(place):
    """Waits until requests arrive at a place."""
    before, deadline = Service.hits[place], time.monotonic() + SEEN_WITHIN
    while Service.hits[place] < before + 50:
        assert time.monotonic() < deadline, f"{place} was not asked within {SEEN_WITHIN} s"
        time.sleep(0.05)


def main():
    service = free_port()
    for place in PLACES:
        threading.Thread(target=Server((place, service), Service).serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        hosts = Path(folder) / "hosts"
        hosts.write_text(f"{PLACES[0]} {NAME}\n")
        with gateway(Path(folder), service, str(hosts)) as port:
            traffic = [Traffic(port) for _ in range(THREADS)]
            for one in traffic:
                one.start()
            wait_until_asked(PLACES[0])
            for move in range(MOVES):
                place = PLACES[(move + 1) % 2]
                hosts.write_text(f"{place} {NAME}\n")
                wait_until_asked(place)
            hosts.write_text("")
            time.sleep(LOST_SECONDS)
            wait_until_asked(place)
            for one in traffic:
                one.stopping.set()
            for one in traffic:
                one.join()
    told = sum((one.told for one in traffic), collections.Counter())
    assert set(told) == {200}, f"not all were answered: {dict(told)}"
    print(f"{MOVES} moves of a name and {LOST_SECONDS} s without it: {told[200]} of {told[200]} requests answered")


if __name__ == "__main__":
    main()
