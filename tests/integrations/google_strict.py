"""The made-up Google as tests want it: it lets in by every way, and shows only what is asked for.

Beside the demo's own refresh token: service accounts, whose signature is proved by their public
key, and a person who agrees in a browser (RFC 6749 §4.1, with PKCE, RFC 7636). ``fields`` leaves of
an answer what it names, so that a client that reads more than it asks for fails.
"""

from __future__ import annotations

import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from google.auth import jwt
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from Modules.demo.google_office import GoogleOffice, Item, Refused, create_google_app

_FIELD = re.compile(r"(\w+)(\()?|[,)]")


@dataclass
class StrictOffice(GoogleOffice):
    accounts: dict[str, str] = field(default_factory=dict)  # of services: public key, as PEM
    codes: dict[str, str] = field(default_factory=dict)  # of a login: its PKCE challenge

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Item:
        return masked(super().answer(method, path, query, body), query.get("fields"))

    def token(self, form: Mapping[str, str]) -> Item:
        refused = Refused(400, "no token")
        refused.item = {"error": "invalid_grant", "error_description": "Bad Request"}
        if assertion := form.get("assertion"):
            if not self._signed(assertion):
                raise refused
            return self.new_token()
        if code := form.get("code"):
            proof = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest())
            if self.codes.pop(code, None) != proof.decode().rstrip("="):
                raise refused
            made = f"1//{secrets.token_urlsafe(12)}"
            self.refresh_tokens.add(made)
            return {**self.new_token(), "refresh_token": made}
        return super().token(form)

    def _signed(self, assertion: str) -> bool:
        issuer = json.loads(urlsafe_b64decode(f"{assertion.split('.')[1]}=="))["iss"]
        try:
            jwt.decode(assertion, certs=self.accounts[issuer].encode())
        except (ValueError, KeyError):
            return False
        return True


def create_strict_app(office: StrictOffice) -> FastAPI:
    """With the page where a person agrees: it sends the browser back at once."""
    app = create_google_app(office)

    async def agree(request: Request) -> RedirectResponse:
        query, code = request.query_params, secrets.token_urlsafe(12)
        office.codes[code] = query["code_challenge"]
        told = {"state": query["state"], "code": code, "scope": query["scope"]}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(told)}")

    app.router.routes.insert(0, Route("/o/oauth2/auth", agree))
    return app


def masked(document: Item, fields: str | None) -> Item:
    """What a mask of fields as ``a,b(c,d)`` leaves of a document."""
    if fields is None:
        return document
    tree: Item = {}
    path = [tree]
    for match in _FIELD.finditer(fields):
        if match[1]:
            inner = path[-1].setdefault(match[1], {})
            path += [inner] if match[2] else []
        elif match[0] == ")":
            path.pop()

    def kept(value: Any, wanted: Item) -> Any:
        if isinstance(value, list):
            return [kept(one, wanted) for one in value]
        if not wanted or not isinstance(value, dict):
            return value
        return {key: kept(value[key], wanted[key]) for key in wanted if key in value}

    return dict(kept(document, tree))
