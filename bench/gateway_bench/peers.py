"""Who stands between client and service: how each proxy is set up and started."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

from .machine import find
from .process import Launch, Ports, Process, free_ports, running
from .tokens import Tokens
from .upstream import SMALL, nginx

DIRECT = "direct"
PORTICO = "portico"


@dataclass(frozen=True)
class Rig:
    """What all of them are given."""

    folder: Path
    cores: int
    """Of a proxy."""
    own_cores: frozenset[int] | None
    """Those that only the proxy has, if it is apart from the rest."""
    upstream: Ports
    tokens: Tokens
    gateway: Path
    gateway_settings: dict[str, str]


@dataclass(frozen=True)
class Target:
    """One of them, running; there is no process between client and service if it is `direct`."""

    peer: str
    at: Ports
    process: Process | None


NGINX = Template("""\
  upstream service { server 127.0.0.1:$upstream; keepalive 128; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:$h1 backlog=4096;
    listen 127.0.0.1:$h2 http2;
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
""")

HAPROXY = Template("""\
global
  nbthread $cores
  maxconn 4000
defaults
  mode http
  http-reuse always
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend h1
  bind 127.0.0.1:$h1
  default_backend service
frontend h2
  bind 127.0.0.1:$h2 proto h2
  default_backend service
backend service
  server one 127.0.0.1:$upstream
""")

# By default it keeps 32 idle connections to a service, fewer than are in use here.
CADDY = Template("""\
{
	admin off
	auto_https off
	servers {
		protocols h1 h2c
	}
}
http://127.0.0.1:$h1 {
	reverse_proxy 127.0.0.1:$upstream {
		transport http {
			keepalive_idle_conns_per_host 256
		}
	}
}
""")

# A limit that nobody reaches is counted and told like any other.
PORTICO_TOML = Template("""\
[limits.bench]
quota = 6_000_000
window_secs = 60
per = "client"

[[routes]]
prefix = "/v1/locked"
url = "http://127.0.0.1:$upstream"
token = "required"
limits = ["bench"]

[[routes]]
prefix = "/v1/open"
url = "http://127.0.0.1:$upstream"
token = "ignored"
limits = ["bench"]
""")


def _nginx(rig: Rig, at: Ports, folder: Path, program: str) -> Launch:
    http = NGINX.substitute(upstream=rig.upstream.h1, h1=at.h1, h2=at.h2)
    return nginx(program, folder, http, at.url(SMALL), rig.cores)


def _haproxy(rig: Rig, at: Ports, folder: Path, program: str) -> Launch:
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.substitute(upstream=rig.upstream.h1, cores=rig.cores, h1=at.h1, h2=at.h2))
    return Launch([program, "-db", "-f", str(config)], dict(os.environ), at.url(SMALL))


def _caddy(rig: Rig, at: Ports, folder: Path, program: str) -> Launch:
    config = folder / "Caddyfile"
    config.write_text(CADDY.substitute(upstream=rig.upstream.h1, h1=at.h1))
    own_folders = {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    argv = [program, "run", "--config", str(config), "--adapter", "caddyfile"]
    return Launch(argv, {**os.environ, **own_folders}, at.url(SMALL))


def _portico(rig: Rig, at: Ports, folder: Path, program: str) -> Launch:
    (internal,) = free_ports(1)
    routes = folder / "portico.toml"
    routes.write_text(PORTICO_TOML.substitute(upstream=rig.upstream.h1))
    # Nothing is inherited that could be one of its settings.
    env = {
        "LISTEN": f"127.0.0.1:{at.h1}",
        "INTERNAL_LISTEN": f"127.0.0.1:{internal}",
        "PORTICO_TOML": str(routes),
        "AUTH_ISSUER": rig.tokens.issuer,
        "AUTH_AUDIENCE": rig.tokens.audience,
        "JWKS_URL": rig.upstream.url("/jwks.json"),
        "REVOCATIONS_URL": rig.upstream.url("/revocations"),
        "ACCESS_LOG_SAMPLE": "0.01",
        "DRAIN_DELAY_SECS": "0",
        "DRAIN_TIMEOUT_SECS": "1",
        **rig.gateway_settings,
    }
    return Launch([program, "serve"], env, f"http://127.0.0.1:{internal}/health/ready")


LAUNCHES: dict[str, Callable[[Rig, Ports, Path, str], Launch]] = {
    "nginx": _nginx,
    "haproxy": _haproxy,
    "caddy": _caddy,
    PORTICO: _portico,
}
PEERS = [DIRECT, *LAUNCHES]
BOTH_ON_ONE_PORT = {"caddy", PORTICO}


def program_of(peer: str, gateway: Path) -> str | None:
    """The program of a peer, if it is there."""
    if peer == PORTICO:
        return str(gateway) if gateway.is_file() else None
    return find("nginx" if peer == DIRECT else peer)


@contextmanager
def serving(peer: str, rig: Rig) -> Iterator[Target]:
    """A peer, freshly started, so that nothing of an earlier measurement is in its memory."""
    if peer == DIRECT:
        yield Target(peer, rig.upstream, None)
        return
    h1, h2 = free_ports(2)
    at = Ports(h1, h1 if peer in BOTH_ON_ONE_PORT else h2)
    # A port may come round again.
    folder = Path(tempfile.mkdtemp(prefix=f"{peer}-", dir=rig.folder))
    launch = LAUNCHES[peer](rig, at, folder, program_of(peer, rig.gateway) or peer)
    with running(replace(launch, cores=rig.own_cores), folder / "log") as process:
        yield Target(peer, at, process)
