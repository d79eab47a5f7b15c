"""The suite in containers on one machine (docker-compose.yml). A version is a tag of all its images."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from .steps import Refused

ROOT = Path(__file__).resolve().parent.parent.parent
# auth comes first: the others ask it for keys.
MIGRATED = ["auth", *sorted(path.name for path in (ROOT / "migrations").iterdir() if path.name != "auth")]
# The gateway comes last, and only it is away for a moment: one port leads to one container.
SERVICES = [*MIGRATED, "gateway"]
STATE = ROOT / ".portico" / "releases.json"
BACKUPS = ROOT / ".portico" / "backups"


class Compose:
    """The project that COMPOSE_FILE and COMPOSE_PROJECT_NAME name, as for Compose itself."""

    def __init__(self, notice_url=None, state=STATE, backups=BACKUPS, bake_secs=60):
        self._notice_url = notice_url
        self._state, self._backups = Path(state), Path(backups)
        self._bake_secs = bake_secs
        self._compose = shlex.split(os.environ.get("COMPOSE", "")) or _compose()

    def name(self, version):
        return version

    def serving(self):
        """The version that was confirmed last, or the one the gateway was started from."""
        if self._state.exists():
            return self._remembered()["serving"]
        containers = self._ask("ps", "--quiet", "gateway").split()
        if not containers:
            raise Refused("no gateway runs; the first start is `docker compose up --detach --build`")
        return _docker("inspect", "--format", "{{.Config.Image}}", containers[0]).strip().rsplit(":", 1)[1]

    def before(self):
        before = self._remembered().get("before") if self._state.exists() else None
        if before is None:
            raise Refused("no version before this one is known")
        return before

    def confirm(self, version):
        """From now on, this is the version to come back to."""
        serving = self.serving()
        before = self._remembered().get("before") if serving == version and self._state.exists() else serving
        self._state.parent.mkdir(parents=True, exist_ok=True)
        part = self._state.with_suffix(".part")
        part.write_text(json.dumps({"serving": version, "before": before}) + "\n")
        part.replace(self._state)

    def alarms(self):
        """There are none here; what is watched is watched from outside."""
        return []

    def prepare(self, version, log):
        """A backup, then the schemas. The old version goes on working on the new schema."""
        for service in SERVICES:
            _image(service, version)
        log(f"backup: {self.backup(f'before-{version}')}")
        for service in MIGRATED:
            log(f"migrate: {service}")
            self._run("run", "--rm", "--no-deps", f"{service}-migrate", version=version)

    def deploy(self, version, log):
        return Deployment(self, version, log)

    def restore(self, version, log):
        """Every service that runs something else runs this again."""
        deployment = Deployment(self, version, log, bake_secs=0)
        deployment.join()
        if deployment.state() != "done":
            raise RuntimeError(f"{version} could not be restored: {deployment.state()}")

    def backup(self, name):
        """A dump of all schemas; the file's path. Whole or not there at all."""
        self._backups.mkdir(parents=True, exist_ok=True)
        path, part = self._backups / f"{name}.dump", self._backups / f"{name}.part"
        with part.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            self._run("exec", "-T", "postgres", "pg_dump", "--username=postgres", "--format=custom", "portico", stdout=file)
        part.replace(path)
        return path

    def restore_database(self, moment, log):
        """Puts a dump (its path or name) into a database that has nothing in it. What was there is given up."""
        path = next((p for p in (Path(moment), self._backups / f"{moment}.dump") if p.is_file()), None)
        if path is None:
            raise Refused(f"there is no backup {moment}")
        log("restore: services stop, so that nothing is written meanwhile")
        self._run("stop", *SERVICES)
        log("restore: an empty database in place of the old one")
        self._run("rm", "--force", "--stop", "postgres")
        project = os.environ.get("COMPOSE_PROJECT_NAME", ROOT.name)
        _docker("volume", "rm", "--force", f"{project}_database")
        self._run("up", "--detach", "--no-deps", "postgres")
        wait = "until pg_isready --quiet --host 127.0.0.1 --username postgres --dbname portico; do sleep 0.2; done"
        self._run("exec", "-T", "postgres", "sh", "-c", wait)
        self._run("run", "--rm", "--no-deps", "roles")
        log("restore: the dump")
        with path.open("rb") as file:
            command = ["pg_restore", "--username=postgres", "--dbname=portico", "--clean", "--if-exists", "--single-transaction"]
            self._run("exec", "-T", "postgres", *command, stdin=file)
        log("restore: services start")
        self._run("start", *SERVICES)
        for service in SERVICES:
            for container in self._ask("ps", "--quiet", service).split():
                _until_well(container)

    def notify(self, subject, text):
        """Posts {"subject", "text"} to NOTICE_URL; without one, the log has said it."""
        if self._notice_url:
            body = json.dumps({"subject": subject, "text": text}).encode()
            request = urllib.request.Request(self._notice_url, body, {"content-type": "application/json"})
            urllib.request.urlopen(request, timeout=10).close()

    def _remembered(self):
        return json.loads(self._state.read_text())

    def _environment(self, version):
        return {**os.environ, "COMPOSE": shlex.join(self._compose), "PORTICO_TAG": version}

    def _run(self, *arguments, version=None, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        environment = self._environment(version or self.serving())
        ran = subprocess.run(
            [*self._compose, *arguments], cwd=ROOT, env=environment, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE
        )
        if ran.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {ran.stderr.decode(errors='replace').strip()}")

    def _ask(self, *arguments):
        return subprocess.run([*self._compose, *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


class Deployment:
    """Replaces the containers of one service after the other, beside whoever watches it."""

    def __init__(self, target, version, log, bake_secs=None):
        self._target, self._version, self._log = target, version, log
        self._bake_secs = target._bake_secs if bake_secs is None else bake_secs
        self._lock, self._rolling, self._is_cancelled = threading.Lock(), None, False
        self._state = "running"
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def state(self):
        """`running`, `done`, or what went wrong."""
        return self._state

    def join(self):
        self._thread.join()

    def cancel(self):
        """Ends it: what was being started is removed, and what it was to replace goes on."""
        with self._lock:
            self._is_cancelled = True
            if self._rolling:
                self._rolling.send_signal(signal.SIGTERM)
        self._thread.join()

    def _work(self):
        try:
            for service in SERVICES:
                if not self._is_there(service):
                    self._roll(service)
            self._state = "done"
        except (RuntimeError, subprocess.CalledProcessError) as error:
            self._state = str(error)

    def _is_there(self, service):
        wanted = _image(service, self._version)
        containers = self._target._ask("ps", "--quiet", service).split()
        return bool(containers) and all(_docker("inspect", "--format", "{{.Image}}", c).strip() == wanted for c in containers)

    def _roll(self, service):
        self._log(f"deploy: {service} {self._version}")
        environment = {**self._target._environment(self._version), "BAKE_SECS": str(self._bake_secs)}
        command = [ROOT / "deploy/compose/roll", service]
        if service == "gateway":
            command = [*self._target._compose, "up", "--detach", "--no-deps", "gateway"]
        with self._lock:
            if self._is_cancelled:
                raise RuntimeError("it was stopped")
            self._rolling = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        told = self._rolling.communicate()[0]
        if self._rolling.returncode != 0:
            raise RuntimeError(told.strip().splitlines()[-1] if told.strip() else f"{service} was not replaced")
        if service == "gateway":
            for container in self._target._ask("ps", "--quiet", service).split():
                _until_well(container)


def _compose():
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    return ["docker", "compose"]


def _docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def _image(service, version):
    try:
        return _docker("image", "inspect", "--format", "{{.Id}}", f"portico-{service}:{version}").strip()
    except subprocess.CalledProcessError:
        raise Refused(f"there is no image portico-{service}:{version}") from None


def _until_well(container, within_secs=120):
    deadline = time.monotonic() + within_secs
    while _docker("inspect", "--format", "{{.State.Health.Status}}", container).strip() != "healthy":
        if time.monotonic() > deadline:
            raise RuntimeError(f"a container was not well within {within_secs} s")
        time.sleep(0.2)
