"""The order of things, the same wherever the suite runs; a target (aws.py, compose.py) knows how each is done there."""

import sys
import time

from .probe import Unwell, Watch, smoke

LOOK_EVERY_SECS = 1


class Refused(Exception):
    """It was not begun; nothing has changed."""


class RolledBack(Exception):
    """The new version was not good enough; the one before serves."""


class Log:
    """Tells what is done and when, in seconds since the start."""

    def __init__(self, out=sys.stdout):
        self._began, self._out = time.monotonic(), out

    def __call__(self, text):
        print(f"{time.monotonic() - self._began:7.1f} s  {text}", file=self._out, flush=True)


def release(target, version, url, log):
    """Brings a version: migrate, deploy, watch, and either confirm it or take it back.

    Raises Refused before anything was changed, RolledBack when the old version serves again.
    """
    if reasons := target.alarms():
        raise Refused(f"an alarm is on already, so nothing could be told from it later: {', '.join(reasons)}")
    before = target.serving()
    log(f"release: {target.name(version)} after {target.name(before) if before else 'nothing'}")
    target.prepare(version, log)
    with Watch(url) as watch:
        deployment = target.deploy(version, log)
        while (state := deployment.state()) == "running":
            # Where nothing serves yet, everything fails.
            if before and (reason := watch.fault() or next(iter(target.alarms()), None)):
                log(f"watch: {reason}")
                return _back(target, before, url, reason, log, deployment, watch)
            time.sleep(LOOK_EVERY_SECS)
        if state != "done":
            log(f"deploy: {state}")
            return _back(target, before, url, state, log, deployment, watch)
    try:
        smoke(url)
    except Unwell as fault:
        log(f"smoke: {fault}")
        return _back(target, before, url, str(fault), log)
    target.confirm(version)
    target.notify(f"Released {target.name(version)}", f"It serves at {url}, and passed its smoke test.")
    log(f"done: {target.name(version)} serves")
    return None


def roll_back(target, url, log, version=None, watch_secs=0):
    """The five steps: watch for errors, start the rollback, restore the version before, verify, notify.

    Watches for so many seconds and begins when it sees errors; with 0 it begins at once. Returns whether it began.
    """
    reason = "somebody asked for it"
    if watch_secs:
        log(f"1 watch: for errors, {watch_secs} s at most")
        reason = _watched(target, url, watch_secs)
        if reason is None:
            log("1 watch: nothing is wrong")
            return False
    log(f"1 watch: {reason}")
    version = version or target.before()
    _restore(target, version, url, reason, log)
    return True


def _watched(target, url, secs):
    deadline = time.monotonic() + secs
    with Watch(url) as watch:
        while time.monotonic() < deadline:
            if reason := watch.fault() or next(iter(target.alarms()), None):
                return reason
            time.sleep(LOOK_EVERY_SECS)
    return None


def _back(target, version, url, reason, log, deployment=None, watch=None):
    if not version:
        raise RuntimeError(f"{reason}; this is the first version, so there is none to go back to")
    _restore(target, version, url, reason, log, deployment, watch)
    raise RolledBack(reason)


def _restore(target, version, url, reason, log, deployment=None, watch=None):
    log("2 start: the deployment is stopped" if deployment else "2 start: no deployment is under way")
    if deployment:
        deployment.cancel()
    log(f"3 restore: {target.name(version)}")
    target.restore(version, log)
    log("4 verify: the smoke test")
    try:
        smoke(url)
    except Unwell as fault:
        target.notify(
            f"ROLLBACK FAILED to {target.name(version)}",
            f"Because: {reason}. The version before does not pass its smoke test either: {fault}. "
            "See docs/runbooks/deployment.md; the last rung is docs/runbooks/restore.md.",
        )
        raise
    if watch:
        watch.forget()
    log("5 notify")
    target.notify(f"Rolled back to {target.name(version)}", f"Because: {reason}. It serves at {url}, and passed its smoke test.")
    log(f"done: {target.name(version)} serves")


def restore_database(target, moment, url, log):
    """The last rung: the database as it was, in another place; then the way there, and a look whether all is well."""
    log(f"restore: the database of {moment}")
    target.restore_database(moment, log)
    log("verify: the smoke test")
    smoke(url)
    log("notify")
    target.notify(f"Database restored to {moment}", f"What was written after it is in the old one. The suite at {url} passed its smoke test.")
    log("done")
