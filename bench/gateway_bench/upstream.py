"""The service behind every proxy: an nginx that answers from memory, and publishes keys and revocations."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

from .machine import cores, require
from .process import Launch, Ports, free_ports, running

SMALL = "/v1/locked/small"
LARGE = "/v1/locked/large"
UPLOAD = "/v1/locked/upload"
OPEN = "/v1/open/small"
"""The only path for which our gateway asks for no token."""

SMALL_BYTES = 871
LARGE_BYTES = 64 * 1024

NGINX = Template("""\
daemon off;
worker_processes $workers;
pid $folder/pid;
$user
events { worker_connections 8192; }
http {
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  # A body of 64 KB stays in memory, both ways.
  client_body_buffer_size 128k;
  proxy_buffers 16 8k;
$http
}
""")

# An upload is answered when all of it has come: mirroring waits for that, and a file, which takes no POST, comes after.
UPSTREAM = Template("""\
  open_file_cache max=10;
  sendfile on;
  tcp_nopush on;
  server {
    listen 127.0.0.1:$h1 backlog=4096;
    listen 127.0.0.1:$h2 http2;
    location = $path_small { return 200 '$small'; }
    location = $path_open { return 200 '$small'; }
    location = $path_large { alias $folder/large.json; }
    location = $path_upload {
      mirror /nobody;
      alias $folder/large.json;
      error_page 405 =200 /received;
    }
    location = /nobody { internal; return 204; }
    location = /received { internal; add_header X-Received-Bytes $$request_length; return 200 '$small'; }
    location = /jwks.json { alias $folder/jwks.json; }
    location = /revocations { return 200 '{"items":[],"next":"none"}'; }
  }
""")


@contextmanager
def upstream(folder: Path, jwks: Path) -> Iterator[Ports]:
    """The service, running in `folder` and publishing the key set `jwks`."""
    folder.mkdir()
    (folder / "large.json").write_text(_json(LARGE_BYTES))
    shutil.copy(jwks, folder / "jwks.json")
    ports = Ports(*free_ports(2))
    paths = {"path_small": SMALL, "path_open": OPEN, "path_large": LARGE, "path_upload": UPLOAD}
    http = UPSTREAM.substitute(folder=folder, h1=ports.h1, h2=ports.h2, small=_json(SMALL_BYTES), **paths)
    with running(nginx(require("nginx"), folder, http, ports.url(SMALL), cores()), folder / "log"):
        yield ports


def nginx(program: str, folder: Path, http: str, ready_url: str, workers: int) -> Launch:
    """An nginx with this in its `http` block and so many workers, which writes to `folder` only."""
    # Otherwise root's workers are somebody who cannot read the folder.
    user = f"user {pwd.getpwuid(0).pw_name} {grp.getgrgid(0).gr_name};" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.substitute(folder=folder, user=user, http=http, workers=workers))
    argv = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]
    return Launch(argv, dict(os.environ), ready_url)


def _json(size: int) -> str:
    """A JSON object of exactly so many bytes, that looks like a page of products."""
    page: dict[str, object] = {"items": [], "note": ""}
    items: list[dict[str, object]] = []
    while len(json.dumps({**page, "items": items})) < size - 150:
        items.append({"id": f"product-{len(items):06}", "sku": "CUP-1", "name": "Cup, blue", "amount_minor": 900})
    page["items"] = items
    page["note"] = "x" * (size - len(json.dumps(page)))
    return json.dumps(page)
