"""Takes all mail by SMTP on port 1025, and tells it as the development mailbox does: GET /api/mail?to=ADDRESS on 8025."""

import email
import email.policy
import json
import re
import socketserver
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CODE = re.compile(r"^Your code: (.+)$", re.MULTILINE)
LINK = re.compile(r"https?://\S+")

messages = []
lock = threading.Lock()


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as one sender needs."""

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())

    def handle(self):
        self.say("220 mailbox")
        recipients = []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say("354 go on")
                keep(recipients, self.read_data())
                recipients = []
                self.say("250 kept")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            elif verb == b"RCPT":
                recipients.append(line.decode().partition("<")[2].partition(">")[0])
                self.say("250 ok")
            elif verb in (b"EHLO", b"HELO", b"MAIL", b"RSET", b"NOOP"):
                self.say("250 ok")
            else:
                self.say("502 not here")

    def read_data(self):
        lines = []
        while (line := self.rfile.readline()) and line != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)


def keep(recipients, raw):
    """Keeps a message for each recipient, newest first."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    text = message.get_body(("plain",)).get_content()
    with lock:
        for recipient in recipients:
            told = {"to": recipient, "subject": message["subject"], "text": text}
            messages.insert(0, {**told, "links": LINK.findall(text), "codes": CODE.findall(text.replace("\r", ""))})


class Api(BaseHTTPRequestHandler):
    """What has come."""

    def do_GET(self):
        wanted = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("to", [""])[0]
        with lock:
            found = [message for message in messages if message["to"] == wanted]
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    smtp = socketserver.ThreadingTCPServer(("0.0.0.0", 1025), Smtp)
    threading.Thread(target=smtp.serve_forever, daemon=True).start()
    ThreadingHTTPServer(("0.0.0.0", 8025), Api).serve_forever()
