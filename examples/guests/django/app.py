"""A guest in Django, in one file: notes of whoever has a token of the suite.

PORTICO_ISSUER=http://localhost:8080 python examples/guests/django/app.py runserver 9001
"""

import json
import os
import secrets
import sys

import django
import jwt
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import JsonResponse
from django.urls import path

ISSUER = os.environ["PORTICO_ISSUER"]
KEYS = jwt.PyJWKClient(os.environ.get("JWKS_URL", f"{ISSUER}/.well-known/jwks.json"))
REQUIRED = {"require": ["exp", "iat", "iss", "aud", "sub", "sid"]}
MOST_TEXT = 1000

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__,
        # Nothing here signs anything with it.
        SECRET_KEY=secrets.token_urlsafe(32),
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware", f"{__name__}.TokenMiddleware"],
        DATA_UPLOAD_MAX_MEMORY_SIZE=64 * 1024,
    )
    django.setup()

# In memory, by account: an example needs no database.
notes = {}


def problem(status, code, title):
    """An error as everything here answers one (RFC 9457)."""
    body = {"type": f"{ISSUER}/problems/{code}", "title": title, "status": status, "code": code}
    return JsonResponse(body, status=status, content_type="application/problem+json")


class TokenMiddleware:
    """Checks the token of every request but that for the document; `request.caller` has the claims."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path == "/openapi.json":
            return self.get_response(request)
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            # The algorithm is fixed, and the type must be that of access tokens (RFC 9068).
            if kind.lower() != "bearer" or jwt.get_unverified_header(token).get("typ", "").lower() != "at+jwt":
                raise jwt.InvalidTokenError
            key = KEYS.get_signing_key_from_jwt(token)
            request.caller = jwt.decode(token, key.key, ["ES256"], audience="portico", issuer=ISSUER, options=REQUIRED)
        except jwt.PyJWTError:
            return problem(401, "unauthorized", "A good token is needed")
        return self.get_response(request)


def own_notes(request):
    mine = notes.setdefault(request.caller["sub"], [])
    if request.method == "GET":
        return JsonResponse({"items": mine})
    if request.method != "POST":
        return problem(405, "method_not_allowed", "This is read with GET and added to with POST")
    try:
        text = json.loads(request.body)["text"]
    except (ValueError, KeyError, TypeError):
        return problem(422, "validation_failed", 'A body like {"text": "…"} is needed')
    if not isinstance(text, str) or not 1 <= len(text) <= MOST_TEXT:
        return problem(422, "validation_failed", f"`text` must have 1 to {MOST_TEXT} characters")
    mine.append({"text": text})
    return JsonResponse(mine[-1], status=201)


def openapi(request):
    """What the gateway shows in its own document, beside all others."""
    answer = lambda description: {"description": description}
    body = {"required": True, "content": {"application/json": {"schema": {
        "type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1, "maxLength": MOST_TEXT}},
    }}}}
    paths = {"/v1/notes": {
        "get": {"summary": "The caller's notes", "tags": ["notes"], "security": [{"bearer": []}], "responses": {"200": answer("The notes"), "401": answer("No good token")}},
        "post": {"summary": "Add a note", "tags": ["notes"], "security": [{"bearer": []}], "requestBody": body, "responses": {"201": answer("The note"), "401": answer("No good token"), "422": answer("Not a note")}},
    }}
    schemes = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    return JsonResponse({"openapi": "3.1.0", "info": {"title": "Notes", "version": "1"}, "components": {"securitySchemes": schemes}, "paths": paths})


urlpatterns = [path("v1/notes", own_notes), path("openapi.json", openapi)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
