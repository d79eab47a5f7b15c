"""AWS for the tests of deploy/: moto for what it knows, and a model of ECS service deployments and of CloudFormation stacks.

moto has no service deployments, and makes of our templates neither the ECS services nor the alarms they describe. The model
has what the release program relies on: a change of the services stack begins a deployment of every service whose image
changes; that of the gateway waits at a hook, then bakes; one that is stopped goes back, and the stack with it. Every answer
is checked by botocore's own models, as every request is before it is sent.
"""

import http.client
import http.server
import json
import re
import threading
import time
import urllib.parse
from pathlib import Path
from xml.sax.saxutils import escape

TEMPLATES = Path(__file__).resolve().parent.parent.parent / "deploy/aws"
SERVICES = ["gateway", "auth", "user", "product"]
REGION, ACCOUNT = "eu-west-1", "123456789012"
CLUSTER = "portico-staging"


class Cloud:
    """What is there, what is under way, and what was asked for."""

    def __init__(self, moto_url, bake_secs=1):
        self.moto_url, self.bake_secs = moto_url, bake_secs
        self.lock = threading.RLock()
        self.stacks, self.changes = {}, {}
        self.deployments, self.revisions = [], {}
        self.calls = []
        self.never_ready = set()
        handler = type("Handler", (Handler,), {"cloud": self})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def serving(self, service):
        """The image that answers production requests now."""
        with self.lock:
            self._advance()
            live = [d for d in self.deployments if d["service"] == service and (d["status"] == "SUCCESSFUL" or (d["status"], d["stage"]) == ("IN_PROGRESS", "BAKE_TIME"))]
            return self.revisions[live[-1]["revision"]]["image"] if live else None

    def _deploy(self, service, image, stack):
        number = len(self.revisions) + 1
        revision = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service-revision/{CLUSTER}/{service}/{number}"
        self.revisions[revision] = {"service": service, "image": image}
        self.deployments.append({
            "arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service-deployment/{CLUSTER}/{service}/{number}",
            "service": service, "revision": revision, "status": "IN_PROGRESS", "stage": "SCALE_UP", "since": time.time(), "stack": stack,
        })

    def _advance(self):
        """Lets time pass: what is due happens."""
        for deployment in self.deployments:
            if deployment["status"] != "IN_PROGRESS":
                continue
            age = time.time() - deployment["since"]
            image = self.revisions[deployment["revision"]]["image"]
            if image in self.never_ready:
                continue
            if deployment["service"] != "gateway":
                if age > 0.5:
                    self._end(deployment, "SUCCESSFUL")
            elif deployment["stage"] == "SCALE_UP" and age > 0.5:
                deployment["stage"] = "POST_TEST_TRAFFIC_SHIFT"
            elif deployment["stage"] == "BAKE_TIME" and age > self.bake_secs:
                self._end(deployment, "SUCCESSFUL")
        for stack in self.stacks.values():
            under_way = [d for d in self.deployments if d["stack"] is stack and d["status"] == "IN_PROGRESS"]
            if stack["status"].endswith("_IN_PROGRESS") and not under_way:
                self._settle(stack)

    def _end(self, deployment, status):
        deployment["status"], deployment["finished"] = status, time.time()

    def _settle(self, stack):
        mine = [d for d in self.deployments if d["stack"] is stack and d in stack["deployments"]]
        if any(d["status"] == "ROLLBACK_SUCCESSFUL" for d in mine):
            stack["parameters"], stack["status"] = stack["before"], "UPDATE_ROLLBACK_COMPLETE"
            # What was replaced already is replaced again by what was there.
            for deployment in mine:
                if deployment["status"] == "SUCCESSFUL":
                    name = f"{deployment['service'].capitalize()}Image"
                    self._deploy(deployment["service"], stack["before"][name], None)
                    self._end(self.deployments[-1], "SUCCESSFUL")
        else:
            stack["status"] = stack["status"].replace("_IN_PROGRESS", "_COMPLETE")

    # ECS, as JSON

    def list_service_deployments(self, asked):
        found = [d for d in self.deployments if d["service"] == asked["service"] and d["status"] in asked["status"]]
        return {"serviceDeployments": [self._brief(d) for d in found]}

    def _brief(self, deployment):
        brief = {
            "serviceDeploymentArn": deployment["arn"], "status": deployment["status"], "createdAt": deployment["since"],
            "targetServiceRevisionArn": deployment["revision"],
        }
        return {**brief, "finishedAt": deployment["finished"]} if "finished" in deployment else brief

    def describe_service_deployments(self, asked):
        found = [d for d in self.deployments if d["arn"] in asked["serviceDeploymentArns"]]
        return {"serviceDeployments": [self._whole(d) for d in found]}

    def _whole(self, deployment):
        whole = {"serviceDeploymentArn": deployment["arn"], "status": deployment["status"], "lifecycleStage": deployment["stage"]}
        if deployment["stage"] == "POST_TEST_TRAFFIC_SHIFT" and deployment["status"] == "IN_PROGRESS":
            whole["lifecycleHookDetails"] = [{"hookId": "hook-1", "targetType": "PAUSE", "status": "AWAITING_ACTION"}]
        return whole

    def describe_service_revisions(self, asked):
        known = [(arn, self.revisions[arn]) for arn in asked["serviceRevisionArns"] if arn in self.revisions]
        return {"serviceRevisions": [
            {"serviceRevisionArn": arn, "containerImages": [{"containerName": r["service"], "image": r["image"]}]} for arn, r in known
        ], "failures": []}

    def continue_service_deployment(self, asked):
        deployment = next(d for d in self.deployments if d["arn"] == asked["serviceDeploymentArn"])
        assert deployment["stage"] == "POST_TEST_TRAFFIC_SHIFT" and asked["hookId"] == "hook-1", asked
        if asked["action"] == "CONTINUE":
            deployment["stage"], deployment["since"] = "BAKE_TIME", time.time()
        else:
            self._end(deployment, "ROLLBACK_SUCCESSFUL")
        return {"serviceDeploymentArn": deployment["arn"]}

    def stop_service_deployment(self, asked):
        deployment = next(d for d in self.deployments if d["arn"] == asked["serviceDeploymentArn"])
        assert asked["stopType"] == "ROLLBACK", asked
        if deployment["status"] == "IN_PROGRESS":
            self._end(deployment, "ROLLBACK_SUCCESSFUL")
        return {"serviceDeploymentArn": deployment["arn"]}

    def run_task(self, asked):
        self.migrated = getattr(self, "migrated", []) + [asked["taskDefinition"]]
        return {"tasks": [{"taskArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{CLUSTER}/{len(self.migrated)}"}], "failures": []}

    def describe_tasks(self, asked):
        status = getattr(self, "migration_status", 0)
        return {"tasks": [{"taskArn": arn, "lastStatus": "STOPPED", "containers": [{"exitCode": status}]} for arn in asked["tasks"]], "failures": []}

    def update_service(self, asked):
        return {"service": {"serviceName": asked["service"]}}

    def describe_services(self, asked):
        done = {"status": "PRIMARY", "desiredCount": 1, "runningCount": 1}
        return {"services": [{"serviceName": s, "status": "ACTIVE", "desiredCount": 1, "runningCount": 1, "deployments": [done]} for s in asked["services"]], "failures": []}

    # CloudFormation, as XML

    def describe_stacks(self, asked):
        stack = self.stacks.get(asked["StackName"])
        if stack is None:
            raise Missing(f"Stack with id {asked['StackName']} does not exist")
        pairs = lambda kind, values: "".join(f"<member><{kind}Key>{k}</{kind}Key><{kind}Value>{escape(str(v))}</{kind}Value></member>" for k, v in values.items())
        return f"""<Stacks><member><StackName>{asked['StackName']}</StackName><StackStatus>{stack['status']}</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime>
            <Parameters>{pairs('Parameter', stack['parameters'])}</Parameters><Outputs>{pairs('Output', stack['outputs'])}</Outputs></member></Stacks>"""

    def get_template_summary(self, asked):
        names = declared(asked["TemplateURL"].rsplit("/", 1)[1])
        return "<Parameters>" + "".join(f"<member><ParameterKey>{name}</ParameterKey></member>" for name in names) + "</Parameters>"

    def create_change_set(self, asked):
        name, kind = asked["StackName"], asked["StackName"].rsplit("-", 1)[1]
        there = self.stacks.get(name)
        assert (there is None) == (asked["ChangeSetType"] == "CREATE"), asked
        given = members(asked, "Parameters")
        assert {p["ParameterKey"] for p in given} == set(declared(f"{kind}.yaml")), asked
        values = {p["ParameterKey"]: p["ParameterValue"] if "ParameterValue" in p else there["parameters"][p["ParameterKey"]] for p in given}
        arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{asked['ChangeSetName']}/1"
        self.changes[arn] = {"stack": name, "kind": kind, "values": values, "is_empty": bool(there) and there["parameters"] == values}
        return f"<Id>{arn}</Id><StackId>arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/1</StackId>"

    def describe_change_set(self, asked):
        if self.changes[asked["ChangeSetName"]]["is_empty"]:
            return "<Status>FAILED</Status><StatusReason>The submitted information didn't contain changes.</StatusReason>"
        return "<Status>CREATE_COMPLETE</Status>"

    def delete_change_set(self, asked):
        del self.changes[asked["ChangeSetName"]]
        return ""

    def execute_change_set(self, asked):
        change = self.changes.pop(asked["ChangeSetName"])
        there = self.stacks.get(change["stack"])
        stack = self.stacks.setdefault(change["stack"], {"outputs": {}, "parameters": {}})
        stack.update(before=stack["parameters"], parameters=change["values"], status="UPDATE_IN_PROGRESS" if there else "CREATE_IN_PROGRESS", deployments=[])
        if change["kind"] == "foundation":
            stack["outputs"] = {**self.outputs, **{name: f"value-of-{name}" for name in outputs("foundation.yaml") if name not in self.outputs}}
        if change["kind"] == "migrations":
            stack["outputs"] = {f"{s.capitalize()}Task": f"portico-staging-{s}-migrate:1" for s in ("auth", "user", "product")}
        if change["kind"] == "services":
            for service in SERVICES:
                name = f"{service.capitalize()}Image"
                if stack["before"].get(name) != change["values"][name]:
                    self._deploy(service, change["values"][name], stack)
                    if not stack["before"]:
                        self._end(self.deployments[-1], "SUCCESSFUL")
                    stack["deployments"].append(self.deployments[-1])
        return ""


class Missing(Exception):
    """There is none of that name."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers what is modelled, and passes everything else on to moto."""

    protocol_version = "HTTP/1.1"
    cloud: Cloud

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        target = self.headers.get("x-amz-target", "")
        if target.startswith("AmazonEC2ContainerServiceV20141113."):
            operation = target.split(".")[1]
            if answer := self._modelled(operation, lambda: json.loads(body)):
                return self._answer(200, "application/x-amz-json-1.1", json.dumps(answer))
        elif b"Version=2010-05-15" in body:
            asked = dict(urllib.parse.parse_qsl(body.decode()))
            operation = asked.pop("Action")
            try:
                answer = self._modelled(operation, lambda: asked)
            except Missing as error:
                text = f"<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>{error}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
                return self._answer(400, "text/xml", text)
            text = f"<{operation}Response><{operation}Result>{answer}</{operation}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{operation}Response>"
            return self._answer(200, "text/xml", text)
        self._pass_on(body)

    def do_PUT(self):
        self._pass_on(self.rfile.read(int(self.headers.get("content-length", 0))))

    do_GET = do_HEAD = do_PUT

    def _modelled(self, operation, read):
        method = getattr(self.cloud, re.sub(r"(?<!^)([A-Z])", r"_\1", operation).lower(), None)
        if method is None:
            return None
        with self.cloud.lock:
            asked = read()
            self.cloud.calls.append((operation, asked))
            self.cloud._advance()
            return method(asked)

    def _pass_on(self, body):
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length", "connection", "expect")}
        # moto tells services apart by the host they are asked at.
        headers["Host"] = urllib.parse.urlsplit(self.cloud.moto_url).netloc
        self.cloud.calls.append((self.headers.get("x-amz-target") or dict(urllib.parse.parse_qsl(body.decode("latin-1"))).get("Action") or f"{self.command} {self.path.split('?')[0]}", None))
        connection = http.client.HTTPConnection(headers["Host"], timeout=30)
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        self._answer(answer.status, answer.getheader("content-type", ""), answer.read())
        connection.close()

    def _answer(self, status, kind, text):
        content = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


def members(asked, name):
    """A list of a query: Parameters.member.1.ParameterKey and so on."""
    found = {}
    for key, value in asked.items():
        if match := re.fullmatch(rf"{name}\.member\.(\d+)\.(\w+)", key):
            found.setdefault(int(match[1]), {})[match[2]] = value
    return [found[index] for index in sorted(found)]


def declared(template):
    """The parameters of a template of ours."""
    return _keys(template, "Parameters")


def outputs(template):
    return _keys(template, "Outputs")


def _keys(template, part):
    text = (TEMPLATES / template).read_text()
    block = re.search(rf"^{part}:\n((?:  .*\n|#.*\n|\n)*)", text, re.M)[1]
    return re.findall(r"^  (\w+):", block, re.M)
