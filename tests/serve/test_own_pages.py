"""A page that is open in a browser here changes nothing of a service without keys unless it is our own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from mmpipe.serve.http.errors import Forbidden
from mmpipe.serve.http.own_pages import OwnPages
from mmpipe.settings import ServeSettings, Settings, UcpSettings
from tests.serve.conftest import make_app, make_service, settings_for


def asking(method: str, *origins: str) -> Request:
    headers = [(b"origin", each.encode()) for each in origins]
    return Request({"type": "http", "method": method, "path": "/v1/uploads/feeds/a.csv", "headers": headers})


def change(pages: OwnPages, request: Request) -> None:
    asyncio.run(pages(request))


SETTINGS = Settings(
    serve=ServeSettings(host="127.0.0.1", cors_origins={"shop": ("https://shop.example",)}),
    ucp=UcpSettings(public_url="https://agents.example/api"),
)


@pytest.mark.parametrize(
    "origin",
    [
        "http://rebound.example:8000",
        "https://shop.example.evil.test",
        "null",
        "",
        "http://[",
        "http://10.0.0.5",
    ],
)
def test_a_foreign_page_changes_nothing(origin: str) -> None:
    pages = OwnPages(SETTINGS)
    for method in ("PUT", "POST", "DELETE"):
        with pytest.raises(Forbidden, match="Origin"):
            change(pages, asking(method, origin))
    with pytest.raises(Forbidden):
        change(pages, asking("PUT", "http://127.0.0.1:8000", origin))
    change(pages, asking("GET", origin))


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8000",
        "http://localhost:3000",
        "http://[::1]:8000",
        "https://shop.example",
        "https://agents.example",
    ],
)
def test_own_pages_and_those_named_do(origin: str) -> None:
    change(OwnPages(SETTINGS), asking("PUT", origin))


def test_programs_name_no_page() -> None:
    change(OwnPages(SETTINGS), asking("PUT"))


def test_who_has_keys_or_listens_elsewhere_decides_by_them() -> None:
    keyed = Settings(serve=ServeSettings(host="127.0.0.1", api_keys_secret="shop-keys"))
    elsewhere = Settings(serve=ServeSettings(host="0.0.0.0"))
    for settings in (keyed, elsewhere):
        change(OwnPages(settings), asking("PUT", "http://rebound.example"))


def test_rules_are_set_by_no_foreign_page(tmp_path: Path) -> None:
    service = make_service(settings_for(tmp_path))
    with TestClient(make_app(service, "r1"), raise_server_exceptions=False) as client:
        answers = [
            client.request(method, path, content=b"{}", headers={"Origin": "http://rebound.example:8000"})
            for method, path in (
                ("PUT", "/v1/uploads/feeds/a.csv"),
                ("PUT", "/v1/rules"),
                ("DELETE", "/v1/users/u1"),
            )
        ]
        searched = client.post(
            "/v1/search", json={"text": "red"}, headers={"Origin": "http://rebound.example"}
        )
    service.close()
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert searched.status_code != 403
