"""A guest in Flask: one route, behind the gateway, for whoever has a token of the suite.

PORTICO_ISSUER=http://localhost:8080 flask --app examples/guests/flask/app.py run --port 9000
"""

import functools
import os

import jwt
from flask import Flask, g, jsonify, request

ISSUER = os.environ["PORTICO_ISSUER"]
# Keys are fetched once and again when a token names an unknown one; PyJWT keeps them for five minutes.
KEYS = jwt.PyJWKClient(os.environ.get("JWKS_URL", f"{ISSUER}/.well-known/jwks.json"))
REQUIRED = {"require": ["exp", "iat", "iss", "aud", "sub", "sid"]}

app = Flask(__name__)


def problem(status, code, title):
    """An error as everything here answers one (RFC 9457)."""
    answer = jsonify(type=f"{ISSUER}/problems/{code}", title=title, status=status, code=code)
    answer.status_code, answer.content_type = status, "application/problem+json"
    return answer


def with_token(scope=None):
    """Lets only callers with a good token in, and with a scope if one is named; `g.caller` has the claims."""

    def decorate(view):
        @functools.wraps(view)
        def guarded(*args, **kwargs):
            kind, _, token = request.headers.get("Authorization", "").partition(" ")
            if kind.lower() != "bearer":
                return problem(401, "unauthorized", "A token is needed")
            try:
                # The header alone decides nothing: the algorithm is fixed, and the type must be that of access tokens (RFC 9068).
                if jwt.get_unverified_header(token).get("typ", "").lower() != "at+jwt":
                    raise jwt.InvalidTokenError
                key = KEYS.get_signing_key_from_jwt(token)
                g.caller = jwt.decode(token, key.key, ["ES256"], audience="portico", issuer=ISSUER, options=REQUIRED)
            except jwt.PyJWTError:
                return problem(401, "unauthorized", "The token is not good")
            if scope and scope not in g.caller.get("scope", "").split():
                return problem(403, "forbidden", "The token does not allow this")
            return view(*args, **kwargs)

        return guarded

    return decorate


@app.get("/v1/reports/me")
@with_token()
def mine():
    return jsonify(account=g.caller["sub"], roles=g.caller.get("roles", []), reports=[])


@app.get("/v1/reports/sales")
@with_token(scope="products:write")
def sales():
    return jsonify(total_minor=0, currency="EUR")


@app.get("/openapi.json")
def openapi():
    """What the gateway shows in its own document, beside all others."""
    security = [{"bearer": []}]
    answers = {"200": {"description": "The answer"}, "401": {"description": "No good token"}}
    operation = lambda summary, more: {"get": {"summary": summary, "tags": ["reports"], "security": security, "responses": {**answers, **more}}}
    return jsonify(
        openapi="3.1.0",
        info={"title": "Reports", "version": "1"},
        components={"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
        paths={
            "/v1/reports/me": operation("The caller's reports", {}),
            "/v1/reports/sales": operation("What was sold", {"403": {"description": "Not for this caller"}}),
        },
    )
