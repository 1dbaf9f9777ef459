"""Who asks, what is agreed, and the shop's own profile."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from mmpipe.errors import InvalidMedia, StorageUnavailable
from mmpipe.media.https import Download
from mmpipe.media.stamps import MediaStamp
from mmpipe.serve.http.api import create_app
from mmpipe.serve.http.metrics import Metrics
from mmpipe.serve.ucp import extensions
from mmpipe.serve.ucp.agents import AgentProfiles
from mmpipe.serve.ucp.discovery import base_of, profile
from mmpipe.serve.ucp.names import LOOKUP, PARENTS, SEARCH, namespace
from mmpipe.serve.ucp.refused import Refused
from mmpipe.serve.ucp.terms import Agent, Terms
from mmpipe.settings import UcpSettings
from tests.serve.conftest import make_service
from tests.serve.ucp import schemas
from tests.serve.ucp.conftest import AGENT, BASE, of

URL = "https://agent.example/profile.json"
V = "2026-04-08"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", (None, None)),
        (f'profile="{URL}"', (URL, None)),
        (f'profile="{URL}";version="{V}"', (URL, V)),
        (f'profile="{URL}", version="{V}"', (URL, V)),
        (f'trace=?1, n=4;q=0.5, profile="{URL}" , token=a/b, data=:YQ==:', (URL, None)),
        (f'foo=(a;q=1 "b" 3), bar=() , profile="{URL}";v=1', (URL, None)),
        ('profile="http://localhost:9/p"', ("http://localhost:9/p", None)),
    ],
)
def test_an_agent_says_who_it_is(header: str, found: tuple[str | None, str | None]) -> None:
    agent = Agent.of_header(header)
    assert (agent.profile, agent.version) == found


@pytest.mark.parametrize(
    "header",
    [
        URL,
        "profile",
        f"profile={URL}",
        f'profile="{URL}',
        f'profile="{URL}",',
        f'agent="{URL}"',
        'profile="http://agent.example/p"',
        'profile="ftp://agent.example/p"',
        'profile="https:///p"',
        'profile="https://[::1/p"',
        f'profile="https://agent.example/{"x" * 3_000}"',
        f'foo=(a b, profile="{URL}"',
        "x" * 9_000,
        'profile="' + "\\" * 5_000 + '"',
    ],
)
def test_what_names_no_profile_is_refused(client: TestClient, header: str) -> None:
    answer = client.post("/ucp/catalog/search", json={"query": "mug"}, headers={"UCP-Agent": header})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_profile_url")
    schemas.check_answer("search", answer.json())


def test_another_version_is_not_spoken(client: TestClient) -> None:
    for version in ("2026-01-11", "2099-01-01", "draft"):
        header = {"UCP-Agent": f'profile="{URL}";version="{version}"'}
        answer = client.post("/ucp/catalog/search", json={"query": "mug"}, headers=header)
        assert (answer.status_code, answer.json()["code"]) == (422, "version_unsupported")
        assert V in answer.json()["content"]
        schemas.check_answer("search", answer.json())


def test_an_agent_may_have_to_say_who_it_is(lake: Path) -> None:
    service = make_service(of(lake, require_agent=True))
    with TestClient(create_app(service, Metrics("test")), base_url=BASE) as client:
        answer = client.post("/ucp/catalog/search", json={"query": "mug"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_profile_url")
        assert client.post("/ucp/catalog/search", json={"query": "mug"}, headers=AGENT).status_code == 200
    service.close()


def test_the_profile_is_as_the_protocol_has_it_and_public(client: TestClient) -> None:
    answer = client.get("/.well-known/ucp")
    assert answer.headers["cache-control"] == "public, max-age=300"
    document = answer.json()
    schemas.check("ucp.json#/$defs/business_schema", document["ucp"])
    endpoints = {
        each["transport"]: each["endpoint"] for each in document["ucp"]["services"]["dev.ucp.shopping"]
    }
    assert endpoints == {"rest": f"{BASE}/ucp", "mcp": f"{BASE}/ucp/mcp"}
    assert client.head("/.well-known/ucp").status_code == 200


@schemas.needed
def test_the_schemas_can_refuse() -> None:
    assert not schemas.accepts("ucp.json#/$defs/business_schema", {"version": V})
    assert not schemas.accepts("shopping/types/price.json", {"amount": 1.5, "currency": "USD"})
    assert not schemas.accepts("shopping/catalog_search.json#/$defs/search_response", {"products": []})


@pytest.mark.parametrize(
    ("public_url", "host", "base"),
    [
        (None, "127.0.0.1:8000", "http://127.0.0.1:8000"),
        (None, "localhost", "http://localhost"),
        (None, "[::1]:8000", "http://[::1]:8000"),
        (None, "shop.example", "https://shop.example"),
        (None, "Shop.Example:8443", "https://shop.example:8443"),
        (None, "mmpipe:8000", "http://mmpipe:8000"),
        (None, "10.0.0.7:8000", "http://10.0.0.7:8000"),
        ("https://shop.example/agents", "anything", "https://shop.example/agents"),
    ],
)
def test_where_the_service_is(public_url: str | None, host: str, base: str) -> None:
    assert base_of(UcpSettings(public_url=public_url), host, "http") == base


def test_a_host_that_is_none_is_refused() -> None:
    for host in (
        "",
        "a b",
        'x"onload=',
        "a/b",
        "shop.example:80:80",
        "[12]",
        "[1.2.3.4]",
        "shop.example:99999",
    ):
        with pytest.raises(Refused):
            base_of(UcpSettings(), host, "http")


def test_a_public_address_is_https() -> None:
    for address in ("http://shop.example", "shop.example", "https://shop.example/", "https://a.example?x=1"):
        with pytest.raises(ValidationError):
            UcpSettings(public_url=address)
    assert UcpSettings(public_url="http://localhost:8000").public_url


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("https://shop.example", "example.shop.mmpipe"),
        ("https://www.shop.co.uk/x", "uk.co.shop.www.mmpipe"),
        ("http://127.0.0.1:8000", "localhost.mmpipe"),
        ("https://my-shop.example", None),
        ("https://203.0.113.7", None),
    ],
)
def test_extensions_are_named_by_who_serves_their_schemas(base: str, name: str | None) -> None:
    assert namespace(base) == name
    declared = [each for each in profile(base)["ucp"]["capabilities"] if "mmpipe" in each]
    assert declared == ([] if name is None else [f"{name}.{extension}" for extension in PARENTS])
    schemas.check("ucp.json#/$defs/business_schema", profile(base)["ucp"])


def test_extensions_are_described_where_they_are_declared(client: TestClient) -> None:
    from jsonschema import Draft202012Validator

    capabilities = client.get("/.well-known/ucp").json()["ucp"]["capabilities"]
    for extension, parent in PARENTS.items():
        (declared,) = capabilities[f"localhost.mmpipe.{extension}"]
        assert declared["extends"] == parent
        answer = client.get(declared["schema"].removeprefix(BASE))
        schema = answer.json()
        assert "public" in answer.headers["cache-control"]
        Draft202012Validator.check_schema(schema)
        assert schema["name"] == f"localhost.mmpipe.{extension}"
        assert schema["requires"]["protocol"] == {"min": V}
        assert list(schema["requires"]["capabilities"]) == [parent]
        assert parent in schema["$defs"]
    assert client.get("/ucp/schemas/other.json").status_code == 404


@schemas.needed
def test_an_extensions_schema_takes_what_it_adds_and_no_other() -> None:
    from jsonschema import Draft202012Validator
    from referencing import Resource

    document = extensions.schema("image_search", BASE, "localhost.mmpipe")
    # The parent is read at its own address, which here has no version in it.
    text = json.dumps(document).replace("https://ucp.dev/2026-04-08/", "https://ucp.dev/")
    registry = schemas.registry().with_resource("urn:own", Resource.from_contents(json.loads(text)))
    place = f"urn:own#/$defs/{SEARCH}/$defs/search_request"
    validator = Draft202012Validator({"$ref": place}, registry=registry)
    assert validator.is_valid({"query": "mug", "image": {"data": "AAAA"}})
    assert not validator.is_valid({"query": "mug", "image": "AAAA"})
    assert not validator.is_valid({"query": 7})


def _profile(**capabilities: Any) -> dict[str, Any]:
    return {"version": V, "capabilities": capabilities}


def test_terms_are_what_both_have() -> None:
    own = "localhost.mmpipe"
    both = {SEARCH: [{"version": "2026-01-11"}, {"version": V}], f"{own}.facets": [{"version": "2026-11-29"}]}
    terms = Terms.between(_profile(**both), own)
    assert terms.covers(SEARCH)
    assert not terms.covers(LOOKUP)
    assert terms.allows("facets")
    assert not terms.allows("image_search")
    assert terms.envelope(SEARCH)["capabilities"] == {
        SEARCH: [{"version": V}],
        f"{own}.facets": [{"version": "2026-11-29", "extends": SEARCH}],
    }
    # An extension without its parent, and a version that only they have.
    orphan = Terms.between(_profile(**{f"{own}.facets": [{"version": "2026-11-29"}]}), own)
    assert not orphan.allows("facets")
    assert not Terms.between(_profile(**{SEARCH: [{"version": "2026-01-11"}]}), own).covers(SEARCH)
    for strange in (None, [], {SEARCH: None}, {SEARCH: ["x"]}):
        assert not Terms.between({"version": V, "capabilities": strange}, own).covers(SEARCH)


class Fetched:
    """Stands for the client; what it was asked for is in ``asked``."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, allowed: Sequence[str]) -> Any:
        self.allowed = allowed
        return self

    def get(self, field: str, url: str, max_bytes: int) -> Download:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        data = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        return Download(data, MediaStamp(None, None, len(data), None))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


GOOD = {"ucp": _profile(**{SEARCH: [{"version": V}]})}


def test_a_profile_is_fetched_once_and_kept() -> None:
    async def run() -> None:
        fetched, clock = Fetched(GOOD), Clock()
        profiles = AgentProfiles(["*"], client=fetched, clock=clock)
        first, second = await asyncio.gather(profiles.get(URL), profiles.get(URL))
        assert first is second
        assert fetched.asked == [URL]
        assert fetched.allowed == ("agent.example",)
        clock.now = 299
        await profiles.get(URL)
        assert fetched.asked == [URL]
        clock.now = 301
        await profiles.get(URL)
        assert fetched.asked == [URL] * 2
        profiles.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (InvalidMedia("profile", "is redirected"), 424, "profile_unreachable"),
        (StorageUnavailable("slow"), 424, "profile_unreachable"),
        (b"<html>", 422, "profile_malformed"),
        ([], 422, "profile_malformed"),
        ({"ucp": {}}, 422, "profile_malformed"),
        ({"ucp": {"version": "2026-01-11"}}, 422, "version_unsupported"),
    ],
)
def test_a_bad_profile_is_not_asked_for_again_within_a_minute(answer: Any, status: int, code: str) -> None:
    async def run() -> None:
        fetched, clock = Fetched(answer), Clock()
        profiles = AgentProfiles(["agent.example"], client=fetched, clock=clock)
        for moment in (0, 59):
            clock.now = moment
            with pytest.raises(Refused) as refused:
                await profiles.get(URL)
            assert (refused.value.status, refused.value.code) == (status, code)
        assert len(fetched.asked) == 1
        clock.now = 61
        with pytest.raises(Refused):
            await profiles.get(URL)
        assert len(fetched.asked) == 2
        profiles.close()

    asyncio.run(run())


def test_a_host_is_asked_once_a_minute_whatever_the_address_and_strangers_are_bounded() -> None:
    async def run() -> None:
        fetched, clock = Fetched(GOOD), Clock()
        profiles = AgentProfiles(["*"], client=fetched, clock=clock)
        await profiles.get(URL)
        with pytest.raises(Refused) as refused:
            await profiles.get(f"{URL}?other")
        assert (refused.value.status, refused.value.retry_after) == (503, 60)
        for number in range(80):
            try:
                await profiles.get(f"https://agent-{number}.example/p")
            except Refused:
                continue
        assert len(fetched.asked) == 60
        profiles.close()

    asyncio.run(run())


def test_the_same_host_in_another_spelling_is_the_same() -> None:
    async def run() -> None:
        fetched = Fetched(GOOD)
        profiles = AgentProfiles(["*"], client=fetched, clock=Clock())
        await profiles.get("https://agent.example/a")
        for url in ("https://agent.example:443/b", "https://agent.example./b", "https://AGENT.example:/b"):
            with pytest.raises(Refused) as refused:
                await profiles.get(url)
            assert refused.value.status == 503
        assert len(fetched.asked) == 1
        profiles.close()

    asyncio.run(run())


def test_hosts_that_are_not_allowed_take_nothing_from_the_others() -> None:
    async def run() -> None:
        fetched = Fetched(GOOD)
        profiles = AgentProfiles(["agent.example"], client=fetched, clock=Clock())
        for number in range(80):
            with pytest.raises(Refused) as refused:
                await profiles.get(f"https://other-{number}.example/p")
            assert refused.value.status == 424
        await profiles.get(URL)
        assert fetched.asked == [URL]
        profiles.close()

    asyncio.run(run())


def test_a_refusal_that_is_told_again_keeps_nothing_of_those_before() -> None:
    async def run() -> None:
        profiles = AgentProfiles(["agent.example"], client=Fetched(b"<html>"), clock=Clock())
        told: list[Refused] = []
        for _ in range(4):
            with pytest.raises(Refused) as refused:
                await profiles.get(URL)
            told.append(refused.value)
        assert len({id(each) for each in told}) == 4
        depths = [len(traceback.extract_tb(each.__traceback__)) for each in told[1:]]
        assert len(set(depths)) == 1, depths
        profiles.close()

    asyncio.run(run())


def test_the_guard_of_media_is_the_guard_of_profiles() -> None:
    async def run() -> None:
        profiles = AgentProfiles(["agent.example"])
        assert profiles._client(())._max_redirects == 0
        for url in ("https://other.example/p", "https://169.254.169.254/p"):
            with pytest.raises(Refused) as refused:
                await profiles.get(url)
            assert refused.value.code == "profile_unreachable"
        profiles.close()
        local = AgentProfiles(["*"])
        with pytest.raises(Refused) as refused:
            await local.get("https://127.0.0.1:1/p")
        assert "public" in refused.value.content or "address" in refused.value.content
        local.close()

    asyncio.run(run())


def test_what_is_agreed_decides(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = of(lake, agent_hosts=("agent.example",))
    service = make_service(settings)

    async def known(_self: AgentProfiles, _url: str) -> Any:
        return GOOD["ucp"]

    monkeypatch.setattr(AgentProfiles, "get", known)
    with TestClient(create_app(service, Metrics("test")), base_url=BASE, headers=AGENT) as client:
        answer = client.post("/ucp/catalog/lookup", json={"ids": ["bag-1"]}).json()
        assert answer["ucp"]["status"] == "error"
        assert answer["messages"][0]["code"] == "capabilities_incompatible"
        schemas.check_answer("lookup", answer)
        answer = client.post("/ucp/catalog/search", json={"query": "mug", "facets": ["brand"]}).json()
        assert list(answer["ucp"]["capabilities"]) == [SEARCH]
        assert "facets" not in answer
        assert answer["messages"][0]["code"] == "extension_unavailable"
        schemas.check_answer("search", answer)
        picture = {"image": {"data": "AAAA"}}
        assert client.post("/ucp/catalog/search", json=picture).json()["code"] == "invalid_request"
    service.close()
