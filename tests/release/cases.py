"""deploy/release and deploy/rollback against AWS as moto and cloud.py play it, and a suite that fails where a bad image serves."""

import http.server
import itertools
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

import boto3
import botocore.session
from botocore.validate import ParamValidator
from moto.server import ThreadedMotoServer

from cloud import ACCOUNT, REGION, SERVICES, Cloud

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = {service: f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/portico-{service}@sha256:{'a' * 64}" for service in SERVICES}
BETTER = {service: image.replace("a" * 64, "b" * 64) for service, image in GOOD.items()}
# What the images of a version do to the suite.
FAILS_SOME = {**BETTER, "gateway": GOOD["gateway"].replace("a" * 64, "c" * 64)}
BROKEN = {**BETTER, "gateway": GOOD["gateway"].replace("a" * 64, "d" * 64)}
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "2",
}


class Suite:
    """Answers as the gateway would, as well as the image that serves lets it."""

    def __init__(self, cloud):
        count = itertools.count()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                is_test = self.headers.get("x-portico-test") == "green"
                image = next((d for d in reversed(cloud.deployments) if d["service"] == "gateway"), None) if is_test else None
                image = cloud.revisions[image["revision"]]["image"] if image else cloud.serving("gateway")
                path = self.path.split("?")[0]
                status, kind, body = 200, "application/json", {}
                if image is None or image == BROKEN["gateway"]:
                    status = 503
                elif image == FAILS_SOME["gateway"] and path == "/v1/products" and next(count) % 20 == 19:
                    status = 500
                elif path == "/openapi.json":
                    body = {"paths": {"/v1/products": {}}}
                elif path == "/.well-known/jwks.json":
                    body = {"keys": [{}]}
                elif path == "/v1/products":
                    body = {"items": []}
                elif path == "/v1/users/me":
                    status, kind = 401, "application/problem+json"
                elif path != "/healthz":
                    status = 404
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()


class Release(unittest.TestCase):
    """Each test has a cloud of its own, in which GOOD serves."""

    @classmethod
    def setUpClass(cls):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        cls.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        cls.moto.start()
        host, port = cls.moto.get_host_and_port()
        cls.moto_url = f"http://{host}:{port}"

    @classmethod
    def tearDownClass(cls):
        cls.moto.stop()

    def setUp(self):
        urllib.request.urlopen(urllib.request.Request(f"{self.moto_url}/moto-api/reset", method="POST")).close()
        self.cloud = Cloud(self.moto_url)
        self.suite = Suite(self.cloud)
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        urls = {"AWS_ENDPOINT_URL": self.cloud.url}
        self.environment = {**os.environ, **ENVIRONMENT, **urls, "PORTICO_LOOK_EVERY_SECS": "0.2", "PORTICO_PARAMETERS": json.dumps({
            "Issuer": "https://api.example.com", "CertificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1",
            "NoticeAddress": "ops@example.com", "MailFrom": "Portico <portico@example.com>",
            "SmtpSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:smtp",
        })}
        self.client = lambda name: boto3.client(name, endpoint_url=self.moto_url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
        self.client("s3").create_bucket(Bucket=f"portico-templates-{ACCOUNT}-{REGION}", CreateBucketConfiguration={"LocationConstraint": REGION})
        self.topic = self.client("sns").create_topic(Name="portico-staging")["TopicArn"]
        queue = self.client("sqs").create_queue(QueueName=f"notices-{os.getpid()}-{id(self)}")["QueueUrl"]
        arn = self.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        self.queue = queue
        logins = {}
        for service in ("auth", "user", "product"):
            login = {"username": f"portico_{service}", "password": "hunter2hunter2"}
            made = self.client("secretsmanager").create_secret(Name=f"portico/staging/login-{service}-{id(self)}", SecretString=json.dumps(login))
            logins[f"{service.capitalize()}LoginArn"] = made["ARN"]
        rds = self.client("rds")
        name = f"portico-staging-{id(self)}"
        cluster = rds.create_db_cluster(DBClusterIdentifier=name, Engine="aurora-postgresql", MasterUsername="m", MasterUserPassword="hunter2hunter2")["DBCluster"]
        zone = self.client("route53").create_hosted_zone(Name="staging.portico.internal", CallerReference=name)["HostedZone"]["Id"].rsplit("/", 1)[1]
        self.cloud.outputs = {
            **logins, "DatabaseId": name, "DatabaseArn": cluster["DBClusterArn"], "DatabaseZone": zone, "DatabaseHost": "database.staging.portico.internal",
            "MasterSecretArn": logins["AuthLoginArn"], "TaskSubnets": "subnet-1,subnet-2", "ServiceGroup": "sg-1",
        }
        status, told = self.run_program("release", self.version(GOOD))
        self.assertEqual(status, 0, told)
        self.notices()

    def version(self, images):
        path = self.folder / f"{len(list(self.folder.iterdir()))}.json"
        path.write_text(json.dumps(images))
        return str(path)

    def run_program(self, program, *arguments):
        command = [sys.executable, ROOT / "deploy" / program, "aws", "--environment", "staging", "--url", self.suite.url, *arguments]
        ran = subprocess.run(command, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=170)
        return ran.returncode, ran.stdout + ran.stderr

    def notices(self):
        """The subjects of the notices since the last time."""
        sqs, subjects = self.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                subjects.append(json.loads(message["Body"])["Subject"])
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return subjects

    def operations(self):
        return [name for name, _ in self.cloud.calls]

    def test_a_good_version_is_tried_takes_over_and_is_told_of(self):
        status, told = self.run_program("release", self.version(BETTER))

        self.assertEqual(status, 0, told)
        self.assertEqual({s: self.cloud.serving(s) for s in SERVICES}, BETTER)
        self.assertIn("the new gateway passed its smoke test", told)
        self.assertEqual([s.split()[0] for s in self.notices()], ["Released"])
        self.assertEqual(self.cloud.migrated[-3:], [f"portico-staging-{s}-migrate:1" for s in ("auth", "user", "product")])
        # A snapshot before the schemas are touched.
        operations = self.operations()
        self.assertLess(operations.index("CreateDBClusterSnapshot"), operations.index("RunTask"))

    def test_the_same_version_again_changes_nothing(self):
        before = len(self.cloud.deployments)

        status, told = self.run_program("release", self.version(GOOD))

        self.assertEqual(status, 0, told)
        self.assertEqual(len(self.cloud.deployments), before)

    def test_a_version_that_fails_some_requests_is_taken_back_in_its_bake_time(self):
        self.cloud.bake_secs = 120

        status, told = self.run_program("release", self.version(FAILS_SOME))

        self.assertEqual(status, 1, told)
        self.assertIn("/v1/products?limit=5 failed", told)
        self.assertIn("StopServiceDeployment", self.operations())
        self.assertEqual({s: self.cloud.serving(s) for s in SERVICES}, GOOD)
        self.assertEqual([s.split()[0] for s in self.notices()], ["Rolled"])

    def test_a_gateway_that_fails_its_smoke_test_never_gets_a_request(self):
        status, told = self.run_program("release", self.version(BROKEN))

        self.assertEqual(status, 1, told)
        self.assertIn("the new gateway failed its smoke test", told)
        self.assertNotIn("requests go there", told)
        self.assertEqual({s: self.cloud.serving(s) for s in SERVICES}, GOOD)

    def test_an_alarm_takes_a_deployment_back(self):
        self.cloud.bake_secs = 120
        metric = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
        self.client("cloudwatch").put_metric_alarm(AlarmName="portico-staging-deployment-errors", **metric)
        set_to = lambda state: self.client("cloudwatch").set_alarm_state(AlarmName="portico-staging-deployment-errors", StateValue=state, StateReason="test")
        baking = threading.Thread(target=lambda: (self.until(lambda: any(d["stage"] == "BAKE_TIME" for d in self.cloud.deployments[4:])), set_to("ALARM")))
        baking.start()

        status, told = self.run_program("release", self.version(BETTER))
        baking.join()
        refused = self.run_program("release", self.version(BETTER))
        set_to("OK")

        self.assertEqual(status, 1, told)
        self.assertIn("watch: portico-staging-deployment-errors", told)
        self.assertEqual({s: self.cloud.serving(s) for s in SERVICES}, GOOD)
        self.assertEqual(refused[0], 2, refused[1])
        self.assertIn("an alarm is on already", refused[1])

    def until(self, condition):
        deadline = time.monotonic() + 120
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_what_stays_can_be_brought_before_the_first_release(self):
        before = len(self.cloud.deployments)

        status, told = self.run_program("release", "--foundation")

        self.assertEqual((status, told.splitlines()[-1]), (0, "value-of-BalancerAddress"))
        self.assertEqual(len(self.cloud.deployments), before)
        self.assertEqual(self.run_program("release")[0], 2)

    def test_a_migration_that_fails_ends_the_release_before_anything_is_deployed(self):
        self.cloud.migration_status = 1
        before = len(self.cloud.deployments)

        status, told = self.run_program("release", self.version(BETTER))

        self.assertEqual(status, 1, told)
        self.assertIn("the migration of auth ended with 1", told)
        self.assertEqual(len(self.cloud.deployments), before)

    def test_an_image_by_its_tag_is_refused(self):
        status, told = self.run_program("release", self.version({**BETTER, "user": "portico-user:latest"}))

        self.assertEqual(status, 2, told)
        self.assertIn("not an image by digest: user", told)

    def test_a_rollback_brings_the_version_before(self):
        self.assertEqual(self.run_program("release", self.version(BETTER))[0], 0)
        self.notices()

        calm = self.run_program("rollback", "--watch", "3")
        status, told = self.run_program("rollback")

        self.assertEqual(calm[0], 0, calm[1])
        self.assertIn("nothing is wrong", calm[1])
        self.assertEqual(status, 0, told)
        for step in ("1 watch", "2 start", "3 restore", "4 verify", "5 notify"):
            self.assertIn(step, told)
        self.assertEqual({s: self.cloud.serving(s) for s in SERVICES}, GOOD)
        self.assertEqual([s.split()[0] for s in self.notices()], ["Rolled"])

    def test_without_a_version_before_there_is_no_rollback(self):
        status, told = self.run_program("rollback")

        self.assertEqual(status, 2, told)
        self.assertIn("no version before this one is known", told)

    def test_the_database_is_restored_into_another_cluster_and_its_name_moved(self):
        status, told = self.run_program("rollback", "--database", "2026-11-20T09:30:00Z")

        self.assertEqual(status, 0, told)
        records = self.client("route53").list_resource_record_sets(HostedZoneId=self.cloud.outputs["DatabaseZone"])["ResourceRecordSets"]
        (name,) = [r for r in records if r["Type"] == "CNAME"]
        self.assertEqual((name["Name"].rstrip("."), name["TTL"]), ("database.staging.portico.internal", 5))
        self.assertIn("portico-staging-restored-", name["ResourceRecords"][0]["Value"])
        clusters = [c["DBClusterIdentifier"] for c in self.client("rds").describe_db_clusters()["DBClusters"]]
        self.assertIn(self.cloud.outputs["DatabaseId"], clusters)
        self.assertEqual(self.operations().count("UpdateService"), 3)

    def test_every_call_and_every_answer_of_the_model_is_one_that_botocore_knows(self):
        self.assertEqual(self.run_program("release", self.version(BETTER))[0], 0)
        self.assertEqual(self.run_program("rollback")[0], 0)
        model = botocore.session.get_session().get_service_model("ecs")
        asked = [(name, parameters) for name, parameters in self.cloud.calls if parameters is not None and name in model.operation_names]

        for name, parameters in asked:
            report = ParamValidator().validate(parameters, model.operation_model(name).input_shape)
            self.assertFalse(report.has_errors(), f"{name}: {report.generate_report()}")
            method = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
            if method.startswith(("list", "describe")):
                shape = model.operation_model(name).output_shape
                unknown = set(getattr(self.cloud, method)(parameters)) - set(shape.members)
                self.assertFalse(unknown, name)
        names = {name for name, _ in asked}
        self.assertLessEqual({"ListServiceDeployments", "ContinueServiceDeployment", "DescribeServiceRevisions", "RunTask"}, names)


class Roles(unittest.TestCase):
    """What the roles of the database are made with."""

    def test_a_login_that_could_leave_its_quotes_is_refused(self):
        sys.path.insert(0, str(ROOT / "deploy"))
        from portico_release.aws import role_statements
        from portico_release.steps import Refused

        for login, password in (("portico_auth'; --", "a"), ("portico_auth", "a'b"), ("", "a")):
            with self.assertRaises(Refused):
                role_statements("auth", login, password)


if __name__ == "__main__":
    unittest.main(verbosity=2)
