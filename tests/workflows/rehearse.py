"""Runs every `run:` step of .github/workflows here, in order, or says why it can be run only there.

    tests/workflows/rehearse                       all of them; an hour and more
    tests/workflows/rehearse --list                what would be run
    tests/workflows/rehearse --only deploy/,rollback/

Each step gets what a runner would give it: its environment, the inputs and outputs of the jobs before, GITHUB_OUTPUT. AWS is
played as in tests/release. A step that is neither run nor excused is a failure.
"""

import argparse
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import yaml
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/release"))
sys.dont_write_bytecode = True

from cases import ENVIRONMENT, GOOD, Suite  # noqa: E402
from cloud import ACCOUNT, REGION, Cloud  # noqa: E402

# By workflow, job and step: why it can be run only there.
ONLY_THERE = {
    "ci/macos/Build": "needs macOS; ci/everything builds here",
    "ci/macos/Test": "needs macOS; ci/everything tests here",
    "release/publish/Push one image for both architectures": "needs the registry of an account, and images of both architectures",
    "deploy/deploy/Refuse images that this repository did not build": "needs images that GitHub has signed",
    "deploy/deploy/Take a task away and see that nobody notices": "needs tasks that run on ECS; deploy/verify-cloud --list says what is expected",
    "scheduled/advisories/Look for advisories about what is built now": "needs the advisory database, which is at GitHub",
    "scheduled/advisories/Look for advisories about what binaries say they are made of": "needs the advisory database, which is at GitHub",
}
# What needs an engine that runs containers.
NEEDS_DOCKER = {
    "release/build/Build the images",
    "release/build/List what is in them",
    "release/test/Run it in containers, break it, and rehearse rollbacks",
}
INPUTS = {
    "deploy": {"environment": "staging", **{service: f"sha256:{'b' * 64}" for service in GOOD}},
    "rollback": {"environment": "staging", "watch": "3", "database": "2026-11-20T09:30:00Z"},
}
PARAMETERS = {
    "Issuer": "https://api.example.com", "CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1", "NoticeAddress": "ops@example.com",
    "MailFrom": "Portico <portico@example.com>", "SmtpSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:smtp",
}


class Runner:
    """A machine on which jobs are run, with a cloud that is played."""

    def __init__(self, folder):
        self.folder = folder
        self.outputs = {}
        (folder / "bin").mkdir()
        if not shutil.which("sudo") and os.geteuid() == 0:
            (folder / "bin/sudo").write_text('#!/bin/sh\nexec "$@"\n')
            (folder / "bin/sudo").chmod(0o755)
        # A job begins with the path of the machine; its steps put folders in front of that.
        self.path = f"{folder}/bin:{os.environ['PATH']}"

    def cloud(self):
        """An account in which a version serves already."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        moto.start()
        cloud = Cloud("http://{}:{}".format(*moto.get_host_and_port()))
        suite = Suite(cloud)
        client = lambda name: boto3.client(name, endpoint_url=cloud.moto_url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
        client("s3").create_bucket(Bucket=f"portico-templates-{ACCOUNT}-{REGION}", CreateBucketConfiguration={"LocationConstraint": REGION})
        client("sns").create_topic(Name="portico-staging")
        login = lambda service: client("secretsmanager").create_secret(
            Name=f"portico/staging/login-{service}", SecretString=json.dumps({"username": f"portico_{service}", "password": "hunter2hunter2"})
        )["ARN"]
        cluster = client("rds").create_db_cluster(DBClusterIdentifier="portico-staging", Engine="aurora-postgresql", MasterUsername="m", MasterUserPassword="hunter2hunter2")["DBCluster"]
        zone = client("route53").create_hosted_zone(Name="staging.portico.internal", CallerReference="1")["HostedZone"]["Id"].rsplit("/", 1)[1]
        logins = {f"{service.capitalize()}LoginArn": login(service) for service in ("auth", "user", "product")}
        cloud.outputs = {
            **logins, "MasterSecretArn": logins["AuthLoginArn"], "DatabaseId": "portico-staging", "DatabaseArn": cluster["DBClusterArn"], "DatabaseZone": zone,
            "DatabaseHost": "database.staging.portico.internal", "TaskSubnets": "subnet-1", "ServiceGroup": "sg-1",
        }
        self.aws = {**ENVIRONMENT, "AWS_ENDPOINT_URL": cloud.url, "PORTICO_URL": suite.url, "PORTICO_LOOK_EVERY_SECS": "0.2"}
        images = self.folder / "good.json"
        images.write_text(json.dumps(GOOD))
        command = f"{sys.executable} deploy/release aws --environment staging {images}"
        if self.run(command, {"PORTICO_PARAMETERS": json.dumps(PARAMETERS)}) != 0:
            sys.exit("the first release did not succeed")

    def run(self, script, environment):
        output, path = self.folder / "output", self.folder / "path"
        output.write_text("")
        path.write_text("")
        environment = {
            **os.environ, **getattr(self, "aws", {}), "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_SHA": subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip(),
            "GITHUB_REPOSITORY": "portico-rs/portico", **environment,
            "GITHUB_PATH": str(path), "PATH": self.path,
        }
        script_file = self.folder / "step.sh"
        script_file.write_text(script)
        # As a runner calls it.
        ran = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", script_file], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
        self.path = ":".join([*path.read_text().splitlines(), self.path])
        return ran.returncode


def value(text, workflow):
    """An environment value with its expressions replaced, those that these workflows use."""
    inputs = INPUTS.get(workflow, {})

    def replaced(expression):
        name = expression[1].strip()
        if name.startswith("inputs."):
            return inputs[name.removeprefix("inputs.")]
        known = {
            "toJSON(inputs)": json.dumps(inputs), "vars.AWS_ACCOUNT": ACCOUNT, "vars.AWS_REGION": REGION, "vars.PORTICO_PARAMETERS": json.dumps(PARAMETERS),
            "toJSON(needs)": json.dumps({job: {"result": "success"} for job in ("build", "test", "publish", "staging", "production")}), "github.token": "none",
        }
        return known[name]

    return re.sub(r"\$\{\{(.*?)\}\}", replaced, str(text))


def steps():
    """Every `run:` step: workflow, job, the name, and the step with the environments around it."""
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        workflow = yaml.safe_load(path.read_text())
        for job_name, job in workflow["jobs"].items():
            for step in job.get("steps", []):
                if "run" in step:
                    around = {**workflow.get("env", {}), **job.get("env", {}), **step.get("env", {})}
                    yield path.stem, f"{path.stem}/{job_name}/{step['name']}", step["run"], around


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", default="", help="beginnings of WORKFLOW/JOB/STEP, with commas between them")
    options = parser.parse_args()
    wanted = tuple(options.only.split(",")) if options.only else ("",)
    has_docker = subprocess.run(["docker", "info"], capture_output=True).returncode == 0
    found = [step for step in steps() if step[1].startswith(wanted)]
    names = {step[1] for step in steps()}
    if stale := (set(ONLY_THERE) | NEEDS_DOCKER) - names:
        sys.exit(f"no longer there: {', '.join(sorted(stale))}")

    lines, failed, seen = [], 0, {}
    with tempfile.TemporaryDirectory(prefix="portico-rehearsal-") as folder:
        runner, with_cloud = Runner(Path(folder)), None
        for workflow, name, script, around in found:
            excuse = ONLY_THERE.get(name) or (None if has_docker or name not in NEEDS_DOCKER else "no Docker engine runs here")
            if options.list or excuse:
                lines.append(f"{'there ' if excuse else 'here  '}  {name}{f': {excuse}' if excuse else ''}")
                print(lines[-1], flush=True)
                continue
            environment = {key: value(text, workflow) for key, text in around.items() if "matrix." not in str(text)}
            if "$" not in script and (before := seen.get(script)):
                lines.append(f"ok      {name} (the same as {before})")
                print(lines[-1], flush=True)
                continue
            if workflow in ("deploy", "rollback") and with_cloud is None:
                runner.cloud()
                with_cloud = True
            print(f"\n== {name}", flush=True)
            began = time.monotonic()
            status = runner.run(script, environment)
            failed += status != 0
            if status == 0:
                seen.setdefault(script, name)
            lines.append(f"{'ok    ' if status == 0 else 'FAILED'}  {name} ({time.monotonic() - began:.0f} s)")
            print(lines[-1], flush=True)
    if options.list:
        return 0
    print("\n== summary")
    print("\n".join(lines))
    print(f"{sum(line.startswith('ok') for line in lines)} steps run, {failed} failed, {sum(line.startswith('there') for line in lines)} only there")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
