"""The suite on AWS ECS (deploy/aws). A version is the digests of its four images: {"gateway": "…@sha256:…", …}.

Which versions there have been is known to ECS: every service deployment names the revision it brought, and a revision its
image (Amazon ECS API, ListServiceDeployments and DescribeServiceRevisions).
"""

import hashlib
import json
import os
import re
import threading
import time
from datetime import datetime
from pathlib import Path

import boto3
from botocore.exceptions import ClientError, WaiterError

from .probe import Unwell, smoke
from .steps import Refused

TEMPLATES = Path(__file__).resolve().parent.parent / "aws"
SERVICES = ["gateway", "auth", "user", "product"]
MIGRATED = ["auth", "user", "product"]
# By this header the balancer gives a request to the version that is being tried (TestRule in balancer.yaml).
TEST_HEADERS = {"x-portico-test": "green"}
UNDER_WAY = ["PENDING", "IN_PROGRESS"]
LOOK_EVERY_SECS = 5


class Aws:
    """One environment, in the account and region of the credentials."""

    def __init__(self, environment, url=None):
        self._environment = environment
        self._url = url
        self._look_every_secs = float(os.environ.get("PORTICO_LOOK_EVERY_SECS", LOOK_EVERY_SECS))
        self._parameters = json.loads((TEMPLATES / f"{environment}.json").read_text())
        # What differs from account to account.
        self._own = json.loads(os.environ.get("PORTICO_PARAMETERS", "{}"))
        session = boto3.Session()
        self._region = session.region_name
        self._account = session.client("sts").get_caller_identity()["Account"]
        for service in ("cloudformation", "cloudwatch", "ecs", "rds", "route53", "s3", "secretsmanager", "sns"):
            setattr(self, f"_{service}", session.client(service))
        self._data = session.client("rds-data")
        self._cluster = f"portico-{environment}"

    def name(self, version):
        return " ".join(f"{service}@{version[service].rsplit(':', 1)[1][:12]}" for service in SERVICES if service in version)

    def url(self):
        """The public address, as the services stack was told or will be."""
        if self._url:
            return self._url
        stack = self._stack("services", or_none=True)
        return stack["Parameters"]["Issuer"] if stack else self._own["Issuer"]

    def serving(self):
        """The images of the services stack, which is the version that was confirmed last."""
        stack = self._stack("services", or_none=True)
        if stack is None:
            return {}
        return {service: stack["Parameters"][f"{service.capitalize()}Image"] for service in SERVICES}

    def before(self):
        """The images before these, by the deployments that succeeded."""
        version, serving = {}, self.serving()
        for service in SERVICES:
            revisions = self._succeeded(service)
            current = serving[service]
            older = next((image for image in revisions if image != current), None)
            version[service] = older or current
        if version == serving:
            raise Refused("no version before this one is known")
        return version

    def confirm(self, version):
        """Nothing is left to do: the stack knows."""

    def alarms(self):
        """The alarms that end a deployment, where they are on."""
        prefix = f"portico-{self._environment}-deployment-"
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
        return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"] if alarm["StateValue"] == "ALARM"]

    def prepare(self, version, log):
        """What stays, the roles in the database, a snapshot, then the schemas. The old version goes on working on those."""
        missing = [service for service in SERVICES if not re.fullmatch(r".+@sha256:[0-9a-f]{64}", version.get(service, ""))]
        if missing:
            raise Refused(f"not an image by digest: {', '.join(missing)}")
        self.bring_foundation(log)
        log("roles in the database")
        self.make_roles()
        snapshot = f"portico-{self._environment}-{datetime.now():%Y%m%d%H%M%S}"
        log(f"snapshot: {snapshot}")
        self._rds.create_db_cluster_snapshot(DBClusterIdentifier=self._found("DatabaseId"), DBClusterSnapshotIdentifier=snapshot)
        log("stack: migrations")
        self._bring("migrations", self._images(version, MIGRATED))
        for service in MIGRATED:
            log(f"migrate: {service}")
            self._migrate(service)

    def bring_foundation(self, log):
        """What stays when versions change; the balancer's address, which the public name is to lead to."""
        log("stack: foundation")
        self._bring("foundation", {})
        return self._found("BalancerAddress")

    def make_roles(self):
        """Each service's role, login and schema. The Data API reaches the database without a way into the network."""
        for service in MIGRATED:
            login = json.loads(self._secretsmanager.get_secret_value(SecretId=self._found(f"{service.capitalize()}LoginArn"))["SecretString"])
            for statement in role_statements(service, login["username"], login["password"]):
                self._data.execute_statement(
                    resourceArn=self._found("DatabaseArn"), secretArn=self._found("MasterSecretArn"), database="portico", sql=statement
                )

    def deploy(self, version, log):
        return Deployment(self, version, log)

    def restore(self, version, log):
        """The stack with these images; what is that already stays as it is."""
        self._wait_for_stack("services")
        self._bring("services", self._images(version, SERVICES), on_pause=lambda: True)
        log("restore: all deployments have ended")

    def restore_database(self, moment, log):
        """Another cluster with the data of a moment, and the name that services know moved to it. The old one stays."""
        database = self._found("DatabaseId")
        there = self._rds.describe_db_clusters(DBClusterIdentifier=database)["DBClusters"][0]
        name = f"portico-{self._environment}-restored-{datetime.now():%Y%m%d%H%M%S}"
        moment = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        log(f"restore: {name} from {database}")
        self._rds.restore_db_cluster_to_point_in_time(
            DBClusterIdentifier=name,
            SourceDBClusterIdentifier=database,
            RestoreToTime=moment,
            DBSubnetGroupName=there["DBSubnetGroup"],
            VpcSecurityGroupIds=[group["VpcSecurityGroupId"] for group in there["VpcSecurityGroups"]],
            DBClusterParameterGroupName=there["DBClusterParameterGroup"],
            ServerlessV2ScalingConfiguration={
                "MinCapacity": float(self._parameters["foundation"]["LeastCapacity"]),
                "MaxCapacity": float(self._parameters["foundation"]["MostCapacity"]),
            },
            CopyTagsToSnapshot=True,
            DeletionProtection=self._parameters["foundation"]["DeletionProtection"] == "true",
        )
        self._rds.create_db_instance(
            DBInstanceIdentifier=f"{name}-1",
            DBClusterIdentifier=name,
            DBInstanceClass="db.serverless",
            Engine="aurora-postgresql",
            PubliclyAccessible=False,
        )
        self._rds.get_waiter("db_cluster_available").wait(DBClusterIdentifier=name)
        self._rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=f"{name}-1")
        endpoint = self._rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Endpoint"]
        log(f"switch: {self._found('DatabaseHost')} is {endpoint}")
        record = {"Name": self._found("DatabaseHost"), "Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": endpoint}]}
        self._route53.change_resource_record_sets(
            HostedZoneId=self._found("DatabaseZone"), ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        )
        log("switch: tasks start anew, so that none is left with a connection to the old one")
        for service in MIGRATED:
            self._ecs.update_service(cluster=self._cluster, service=service, forceNewDeployment=True)
        self._ecs.get_waiter("services_stable").wait(cluster=self._cluster, services=MIGRATED)

    def notify(self, subject, text):
        topic = f"arn:aws:sns:{self._region}:{self._account}:portico-{self._environment}"
        self._sns.publish(TopicArn=topic, Subject=subject[:100], Message=text)

    def under_way(self):
        """The deployments that have not ended, as ECS describes them."""
        arns = [
            deployment["serviceDeploymentArn"]
            for service in SERVICES
            for deployment in self._ecs.list_service_deployments(cluster=self._cluster, service=service, status=UNDER_WAY)["serviceDeployments"]
        ]
        if not arns:
            return []
        return self._ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]

    def stop(self, deployment):
        """Begins to take one back; for the gateway this is a change of weights."""
        self._ecs.stop_service_deployment(serviceDeploymentArn=deployment["serviceDeploymentArn"], stopType="ROLLBACK")

    def go_on(self, deployment, is_well):
        """Answers those hooks of a deployment that wait for somebody."""
        for hook in deployment.get("lifecycleHookDetails", []):
            if hook["status"] == "AWAITING_ACTION":
                action = "CONTINUE" if is_well() else "ROLLBACK"
                self._ecs.continue_service_deployment(
                    serviceDeploymentArn=deployment["serviceDeploymentArn"], hookId=hook["hookId"], action=action
                )

    def _succeeded(self, service):
        found = self._ecs.list_service_deployments(cluster=self._cluster, service=service, status=["SUCCESSFUL"])["serviceDeployments"]
        newest_first = sorted(found, key=lambda deployment: deployment["finishedAt"], reverse=True)
        arns = [deployment["targetServiceRevisionArn"] for deployment in newest_first]
        if not arns:
            return []
        revisions = self._ecs.describe_service_revisions(serviceRevisionArns=arns[:20])["serviceRevisions"]
        images = {
            revision["serviceRevisionArn"]: next(c["image"] for c in revision["containerImages"] if c["containerName"] == service)
            for revision in revisions
        }
        return [images[arn] for arn in arns if arn in images]

    def _images(self, version, services):
        return {f"{service.capitalize()}Image": version[service] for service in services}

    def _migrate(self, service):
        migrations = self._stack("migrations")["Outputs"]
        network = {"subnets": self._found("TaskSubnets").split(","), "securityGroups": [self._found("ServiceGroup")], "assignPublicIp": "DISABLED"}
        started = self._ecs.run_task(
            cluster=self._cluster,
            taskDefinition=migrations[f"{service.capitalize()}Task"],
            launchType="FARGATE",
            count=1,
            networkConfiguration={"awsvpcConfiguration": network},
        )
        if started["failures"] or not started["tasks"]:
            raise RuntimeError(f"the migration of {service} could not be started: {started['failures']}")
        task = started["tasks"][0]["taskArn"]
        try:
            self._ecs.get_waiter("tasks_stopped").wait(cluster=self._cluster, tasks=[task])
        except WaiterError as error:
            raise RuntimeError(f"the migration of {service} does not end: {error}") from None
        ended = self._ecs.describe_tasks(cluster=self._cluster, tasks=[task])["tasks"][0]
        status = ended["containers"][0].get("exitCode")
        if status != 0:
            raise RuntimeError(f"the migration of {service} ended with {status}: {ended.get('stoppedReason', '')}")

    def _found(self, name):
        """An output of the foundation."""
        return self._stack("foundation")["Outputs"][name]

    def _stack(self, kind, or_none=False):
        try:
            stack = self._cloudformation.describe_stacks(StackName=self._stack_name(kind))["Stacks"][0]
        except ClientError as error:
            if or_none and "does not exist" in str(error):
                return None
            raise
        return {
            "Status": stack["StackStatus"],
            "Reason": stack.get("StackStatusReason", ""),
            "Parameters": {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])},
            "Outputs": {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])},
        }

    def _stack_name(self, kind):
        return f"portico-{self._environment}-{kind}"

    def _bring(self, kind, parameters, on_pause=None):
        """A stack with its templates as they are here. Those of its parameters that are outputs of the foundation get these."""
        change = self._change(kind, parameters)
        if change is None:
            return
        self._cloudformation.execute_change_set(ChangeSetName=change)
        self._wait_for_stack(kind, on_pause)
        status = self._stack(kind)
        if status["Status"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise RuntimeError(f"the stack {self._stack_name(kind)} is {status['Status']}: {status['Reason']}")

    def _change(self, kind, parameters):
        """A change set, or none if there is nothing to change."""
        url = self._upload(f"{kind}.yaml")
        there = self._stack(kind, or_none=True)
        known = {**(self._stack("foundation")["Outputs"] if kind != "foundation" else {}), **self._parameters[kind], **self._own, **parameters}
        declared = [p["ParameterKey"] for p in self._cloudformation.get_template_summary(TemplateURL=url)["Parameters"]]
        values = [
            {"ParameterKey": key, "ParameterValue": known[key]} if key in known else {"ParameterKey": key, "UsePreviousValue": True}
            for key in declared
        ]
        unknown = [value["ParameterKey"] for value in values if "UsePreviousValue" in value]
        if there is None and unknown:
            raise Refused(f"neither {self._environment}.json nor PORTICO_PARAMETERS says: {', '.join(unknown)}")
        made = self._cloudformation.create_change_set(
            StackName=self._stack_name(kind),
            ChangeSetName=f"release-{datetime.now():%Y%m%d%H%M%S%f}",
            ChangeSetType="CREATE" if there is None else "UPDATE",
            TemplateURL=url,
            Parameters=values,
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            RoleARN=f"arn:aws:iam::{self._account}:role/portico-{self._environment}-stacks",
        )["Id"]
        try:
            self._cloudformation.get_waiter("change_set_create_complete").wait(ChangeSetName=made)
        except WaiterError:
            reason = self._cloudformation.describe_change_set(ChangeSetName=made).get("StatusReason", "")
            self._cloudformation.delete_change_set(ChangeSetName=made)
            if "didn't contain changes" in reason or "No updates" in reason:
                return None
            raise RuntimeError(f"the stack {self._stack_name(kind)} cannot become what it should: {reason}") from None
        return made

    def _upload(self, name):
        """Puts a template and those it names where CloudFormation reads them, each under its own digest."""
        text = (TEMPLATES / name).read_text()
        text = re.sub(r"TemplateURL: ([a-z]+\.yaml)", lambda nested: f"TemplateURL: {self._upload(nested[1])}", text)
        bucket = f"portico-templates-{self._account}-{self._region}"
        key = f"{self._environment}/{hashlib.sha256(text.encode()).hexdigest()}/{name}"
        self._s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
        return f"https://{bucket}.s3.{self._region}.amazonaws.com/{key}"

    def _wait_for_stack(self, kind, on_pause=None):
        while self._stack(kind)["Status"].endswith("_IN_PROGRESS"):
            if on_pause:
                for deployment in self.under_way():
                    self.go_on(deployment, on_pause)
            time.sleep(self._look_every_secs)


class Deployment:
    """Brings the services stack to a version, beside whoever watches it; tries the gateway before anybody else gets it."""

    def __init__(self, target, version, log):
        self._target, self._log = target, log
        self._state = "running"
        self._is_cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(version,), daemon=True)
        self._thread.start()

    def state(self):
        """`running`, `done`, or what went wrong."""
        return self._state

    def cancel(self):
        """Takes every deployment under way back, and waits until CloudFormation has followed."""
        self._is_cancelled.set()
        while self._thread.is_alive():
            for deployment in self._target.under_way():
                self._target.stop(deployment)
            self._thread.join(self._target._look_every_secs)

    def _work(self, version):
        try:
            self._log("stack: services")
            self._target._bring("services", self._target._images(version, SERVICES), on_pause=self._is_well)
            self._state = "done"
        except (ClientError, RuntimeError) as error:
            self._state = str(error)

    def _is_well(self):
        if self._is_cancelled.is_set():
            return False
        try:
            smoke(self._target.url(), TEST_HEADERS)
            self._log("deploy: the new gateway passed its smoke test, requests go there")
            return True
        except Unwell as fault:
            self._log(f"deploy: the new gateway failed its smoke test: {fault}")
            return False


def role_statements(service, login, password):
    """What makes a service's role and its first login, in whatever state they are: one statement each."""
    schema = {"user": "users"}.get(service, service)
    role = f"portico_{service}"
    if not re.fullmatch(r"[a-z_]+", login) or not re.fullmatch(r"[0-9A-Za-z]+", password):
        raise Refused(f"the login of {service} is not what the secret store generates")
    make = f"""DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} LOGIN PASSWORD '{password}'; END IF;
    END $$"""
    return [
        make,
        f"GRANT {role} TO CURRENT_USER",
        f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {role}",
        f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    ]
