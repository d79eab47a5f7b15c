"""The two programs, deploy/release and deploy/rollback."""

import argparse
import json
import os
import sys

from .probe import Unwell
from .steps import Log, Refused, RolledBack, release as bring, restore_database, roll_back


def _options(about, configure):
    parser = argparse.ArgumentParser(description=about.splitlines()[0], epilog=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    targets = parser.add_subparsers(dest="target", required=True)
    compose = targets.add_parser("compose", help="in containers on this machine")
    compose.add_argument("--url", default=os.environ.get("PORTICO_URL", "http://localhost:8080"), help="where clients find it")
    compose.add_argument("--notice-url", default=os.environ.get("NOTICE_URL"), help="where notices are posted to, as JSON")
    compose.add_argument("--state", default=".portico/releases.json", help="the file that knows which version serves")
    compose.add_argument("--backups", default=".portico/backups", help="the folder of the backups")
    compose.add_argument("--bake", type=int, default=60, metavar="SECS", help="how long old and new serve beside each other")
    aws = targets.add_parser("aws", help="on AWS ECS")
    aws.add_argument("--environment", required=True, choices=["staging", "production"])
    aws.add_argument("--url", default=os.environ.get("PORTICO_URL"), help="where clients find it; that of the stack if it is left out")
    for target in (compose, aws):
        configure(target)
    return parser.parse_args()


def _target(options):
    if options.target == "compose":
        from .compose import Compose

        return Compose(options.notice_url, options.state, options.backups, options.bake), options.url
    from .aws import Aws

    target = Aws(options.environment, options.url)
    return target, target.url()


def _version(options, text):
    return json.load(open(text)) if text and options.target == "aws" else text


def _run(action):
    try:
        return action() or 0
    except Refused as reason:
        print(f"refused: {reason}", file=sys.stderr)
        return 2
    except RolledBack as reason:
        print(f"taken back: {reason}", file=sys.stderr)
        return 1
    except (Unwell, RuntimeError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1


def release(about):
    """The whole of deploy/release; its exit status."""

    def configure(target):
        target.add_argument("version", nargs="?", help="a tag, or a file with the images by digest")
        target.add_argument("--foundation", action="store_true", help="with aws, only what stays: before the first release")

    options = _options(about, configure)

    def action():
        if options.foundation and options.target == "aws":
            target, _ = _target(options)
            print(target.bring_foundation(Log()))
        elif options.version is None:
            raise Refused("which version?")
        else:
            target, url = _target(options)
            bring(target, _version(options, options.version), url, Log())

    return _run(action)


def rollback(about):
    """The whole of deploy/rollback; its exit status."""

    def configure(target):
        target.add_argument("--to", help="a tag, or a file with the images by digest; the version before, if it is left out")
        target.add_argument("--watch", type=int, default=0, metavar="SECS", help="begin only when errors are seen")
        target.add_argument("--database", metavar="BACKUP", help="a backup, or with aws a moment; restores data instead of code")

    options = _options(about, configure)

    def action():
        target, url = _target(options)
        if options.database:
            return restore_database(target, options.database, url, Log())
        roll_back(target, url, Log(), _version(options, options.to), options.watch)

    return _run(action)
