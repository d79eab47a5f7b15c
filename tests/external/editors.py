"""Sends every request of .http files to the suite whose state file is given, and stops at a status that is not expected: requests.py STATE FILE…

Reads what editors agree on: `@name = value`, `###`, `# @name`, `{{name.response.body.$.field[0]}}`, `{{name.response.headers.Name}}`,
`{{$guid}}`. `# @expect STATUS` is our own, and a comment to editors; a request without it is an error.
"""

import json
import re
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path

REQUEST = re.compile(r"^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\S+)$")


class Collection:
    """One file: its variables, and the answers to what has a name."""

    def __init__(self, path, gateway, logins):
        self._path, self._gateway, self._logins = path, gateway, logins
        self._variables, self._answers = {}, {}

    def run(self):
        """Sends all; gives how many there were."""
        head, *blocks = re.split(r"^### *(.*)$", self._path.read_text(), flags=re.MULTILINE)
        for name, value in re.findall(r"^@(\w+) = (.+)$", head, re.MULTILINE):
            self._variables[name] = value
        self._variables["gateway"] = self._gateway
        if "email" in self._variables:
            self._variables["password"] = self._logins[self._variables["email"]]
        for title, block in zip(blocks[::2], blocks[1::2], strict=True):
            self._send(title, block.strip("\n").splitlines())
        return len(blocks) // 2

    def _send(self, title, lines):
        facts = dict(re.findall(r"^# @(\w+) (.+)$", "\n".join(lines), re.MULTILINE))
        lines = [line for line in lines if not line.startswith("#")]
        what = f"{self._path}: {title}"
        found = REQUEST.match(lines[0]) if lines else None
        if not found or "expect" not in facts:
            sys.exit(f"{what}: no request with `# @expect`")
        end = lines.index("") if "" in lines else len(lines)
        headers = [line.split(": ", 1) for line in lines[1:end]]
        body = self._filled("\n".join(lines[end:]).strip())
        request = urllib.request.Request(self._filled(found[2]), body.encode() or None, method=found[1])
        for name, value in headers:
            request.add_header(name, self._filled(value))
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, told, raw = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            status, told, raw = answer.code, answer.headers, answer.read()
        if status != int(facts["expect"]):
            sys.exit(f"{what}: {status} instead of {facts['expect']}\n{raw.decode(errors='replace')[:2000]}")
        if "name" in facts:
            self._answers[facts["name"]] = (told, json.loads(raw) if raw else None)

    def _filled(self, text):
        return re.sub(r"\{\{(.+?)\}\}", lambda found: str(self._value(found[1])), text)

    def _value(self, name):
        if name == "$guid":
            return uuid.uuid4()
        if name in self._variables:
            return self._variables[name]
        named, response, part, rest = name.split(".", 3)
        told, body = self._answers[named]
        if (response, part) == ("response", "headers"):
            return told[rest]
        for step in re.findall(r"\w+", rest):
            body = body[int(step) if step.isdigit() else step]
        return body


def main():
    state = json.loads(Path(sys.argv[1]).read_text())
    logins = {login["email"]: login["password"] for login in state["logins"]}
    count = sum(Collection(Path(path), state["gateway"], logins).run() for path in sys.argv[2:])
    print(f"{count} requests of {len(sys.argv) - 2} files were answered as they say")


if __name__ == "__main__":
    main()
