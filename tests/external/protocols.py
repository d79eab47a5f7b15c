"""Speaks to the built gateway with curl, h2load and the `websockets` package, with and without TLS.

    protocols.py GATEWAY TOKENS

GATEWAY is the binary, TOKENS a folder with what the example `mint` of portico-testkit has written.
"""

import asyncio
import base64
import contextlib
import datetime
import http.server
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

GATEWAY, TOKENS = Path(sys.argv[1]), Path(sys.argv[2])
TOKEN = (TOKENS / "tokens.txt").read_text().split()[0]
CLAIMS = json.loads(base64.urlsafe_b64decode(TOKEN.split(".")[1] + "=="))

ROUTES = """
compression = true

[[routes]]
prefix = "/v1/echo"
url = "http://127.0.0.1:{service}"
token = "optional"
# A burst is more than a service in Python answers at once; what is looked at here is the protocol.
limit_concurrency = false

[[routes]]
prefix = "/v1/socket"
url = "http://127.0.0.1:{sockets}"
token = "required"
"""


class Server(http.server.ThreadingHTTPServer):
    # More than h2load has streams; beyond it, connections would seem open and hang.
    request_queue_size = 1024


class Service(http.server.BaseHTTPRequestHandler):
    """Answers every path with what it was asked, and plays the issuer."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        answers = {
            "/jwks.json": lambda: (TOKENS / "jwks.json").read_bytes(),
            "/revocations": lambda: b'{"items":[],"next":"none"}',
        }
        padding = "a" * (20_000 if self.path.endswith("/large") else 0)
        asked = {"path": self.path, "proto": self.headers.get("x-forwarded-proto"), "padding": padding}
        body = answers.get(self.path.split("?")[0], lambda: json.dumps(asked).encode())()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def write_certificate(folder):
    """A new certificate for localhost, signed by itself; tells its serial number."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    return certificate.serial_number


@contextlib.contextmanager
def gateway(folder, issuer, routes, settings):
    """The binary, ready, at a port."""
    port, internal = free_port(), free_port()
    (folder / "portico.toml").write_text(routes)
    env = {
        "LISTEN": f"127.0.0.1:{port}",
        "INTERNAL_LISTEN": f"127.0.0.1:{internal}",
        "AUTH_ISSUER": CLAIMS["iss"],
        "AUTH_AUDIENCE": CLAIMS["aud"],
        "JWKS_URL": f"{issuer}/jwks.json",
        "REVOCATIONS_URL": f"{issuer}/revocations",
        "PORTICO_TOML": str(folder / "portico.toml"),
        "DRAIN_DELAY_SECS": "0",
        "DRAIN_TIMEOUT_SECS": "2",
        "LOG": "warn",
        **settings,
    }
    process = subprocess.Popen([GATEWAY, "serve"], env={**os.environ, **env})
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


def curl(*arguments):
    """Status, protocol and body of an answer."""
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code} %{http_version}"]
    told = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True).stdout
    body, _, end = told.rpartition("\n")
    return (*end.split(), body)


def check_curl_without_tls(port):
    url = f"http://localhost:{port}/v1/echo?a=b"
    assert curl("--http2-prior-knowledge", url)[:2] == ("200", "2")
    # Nobody upgrades to h2c any more (RFC 9113); the request is answered as it came.
    assert curl("--http2", url)[:2] == ("200", "1.1")
    assert curl("--http1.0", url)[0] == "200"
    assert curl("--http2-prior-knowledge", f"http://localhost:{port}/v1/socket")[0] == "401"


def check_codings(port):
    """What curl unpacks is what the service has sent."""
    url = f"http://localhost:{port}/v1/echo/large"
    _, _, whole = curl(url)
    for coding in ("gzip", "br", "zstd"):
        status, _, body = curl("--compressed", "--header", f"Accept-Encoding: {coding}", url)
        assert (status, body) == ("200", whole), coding


def check_curl_with_tls(port, folder):
    url = f"https://localhost:{port}/v1/echo"
    trusting = ("--cacert", str(folder / "cert.pem"))
    status, version, body = curl("--http2", *trusting, url)
    assert (status, version, json.loads(body)["proto"]) == ("200", "2", "https"), body
    assert curl("--http1.1", *trusting, url)[:2] == ("200", "1.1")
    assert curl("--tlsv1.2", "--tls-max", "1.2", *trusting, url)[0] == "200"
    assert curl(f"http://localhost:{port}/v1/echo")[0] == "400"


def check_certificate_reload(port, folder):
    old = (folder / "cert.pem").read_bytes()
    write_certificate(folder)
    for _ in range(100):
        with contextlib.suppress(subprocess.CalledProcessError):
            assert curl("--http2", "--cacert", str(folder / "cert.pem"), f"https://localhost:{port}/v1/echo")[0] == "200"
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the new certificate is never in force")
    (folder / "old.pem").write_bytes(old)
    refused = subprocess.run(["curl", "--silent", "--cacert", str(folder / "old.pem"), f"https://localhost:{port}/"])
    assert refused.returncode == 60, "the old certificate is still shown"


def check_h2load(url):
    told = subprocess.run(
        ["h2load", "-n", "5000", "-c", "8", "-m", "20", url], check=True, capture_output=True, text=True
    ).stdout
    assert "5000 succeeded, 0 failed, 0 errored, 0 timeout" in told, told
    assert "5000 2xx" in told, told


async def echo(connection):
    with contextlib.suppress(websockets.ConnectionClosed):
        async for message in connection:
            await connection.send(message)


async def check_websockets(url, context):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with websockets.connect(url, additional_headers=headers, ssl=context, max_size=None) as connection:
        for message in ("hello", "", "grüße 🚪", b"\x00\xff", os.urandom(1 << 20)):
            await connection.send(message)
            assert await connection.recv() == message
        await asyncio.wait_for(await connection.ping(), 10)
        messages = [str(number) for number in range(1000)]
        for message in messages:
            await connection.send(message)
        assert [await connection.recv() for _ in messages] == messages
        await connection.close(code=4000, reason="done")
        assert connection.close_code == 4000
    with contextlib.suppress(websockets.InvalidStatus):
        await websockets.connect(url, ssl=context)
        raise AssertionError("let in without a token")


async def check_all_websockets(sockets, addresses, trusted):
    async with websockets.serve(echo, "127.0.0.1", sockets, max_size=None):
        for url, is_tls in addresses:
            await check_websockets(url, trusted() if is_tls else None)


def trust(folder):
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))


def main():
    server = Server(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    issuer = f"http://127.0.0.1:{server.server_port}"
    sockets = free_port()
    routes = ROUTES.format(service=server.server_port, sockets=sockets)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as tls_folder:
        folder, tls_folder = Path(folder), Path(tls_folder)
        write_certificate(tls_folder)
        tls = {"TLS_CERT": str(tls_folder / "cert.pem"), "TLS_KEY": str(tls_folder / "key.pem")}
        with gateway(folder, issuer, routes, {}) as plain, gateway(tls_folder, issuer, routes, tls) as secure:
            check_curl_without_tls(plain)
            check_codings(plain)
            check_curl_with_tls(secure, tls_folder)
            check_h2load(f"http://localhost:{plain}/v1/echo")
            check_h2load(f"https://localhost:{secure}/v1/echo")
            addresses = [(f"ws://localhost:{plain}/v1/socket", False), (f"wss://localhost:{secure}/v1/socket", True)]
            asyncio.run(check_all_websockets(sockets, addresses, lambda: trust(tls_folder)))
            check_certificate_reload(secure, tls_folder)
    print("curl, h2load and websockets are served, with TLS and without")


if __name__ == "__main__":
    main()
