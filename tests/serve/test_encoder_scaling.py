"""GPU encoders that may be away: who gets them, how long queries wait, who answers meanwhile. Without Ray."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from mmpipe.encoders import registry
from mmpipe.schemas.search import SearchRequest
from mmpipe.search import EncodedQuery
from mmpipe.serve.answer.query_encoder import (
    EncodersStarting,
    LocalQueryEncoder,
    Models,
    RemoteQueryEncoder,
)
from mmpipe.serve.http import dispatch_token
from mmpipe.serve.http.errors import problem_of
from mmpipe.serve.ray import app, scaling
from mmpipe.settings import DispatchSettings, ServeSettings, Settings

PROFILE = registry.load("fake").profile
REQUEST = SearchRequest(text="red shoe")


def _settings(**serve: Any) -> Settings:
    return Settings(serve=ServeSettings(**serve))


class Sleeping:
    """An ``Encoders`` deployment that answers nobody until it is awake; counts and remembers its callers."""

    def __init__(self) -> None:
        self.awake = asyncio.Event()
        self.calls = 0
        self.cancelled = 0
        self._encode = LocalQueryEncoder(Models(1)).bound(PROFILE)

    async def __call__(self, _profile: str, request: SearchRequest, media: Any) -> EncodedQuery:
        self.calls += 1
        try:
            await self.awake.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return await self._encode(request, media)


def test_a_query_waits_for_the_encoder_that_starts() -> None:
    async def scenario() -> EncodedQuery:
        far = Sleeping()
        encode = RemoteQueryEncoder(far, wait_seconds=60).bound(PROFILE)
        query = asyncio.ensure_future(encode(REQUEST, {}))
        await asyncio.sleep(0)
        far.awake.set()
        return await query

    assert asyncio.run(scenario()).vector is not None


def test_after_the_wait_a_query_is_told_to_come_back_and_its_call_keeps_waking_the_encoder() -> None:
    async def scenario() -> None:
        far = Sleeping()
        remote = RemoteQueryEncoder(far, wait_seconds=0.01)
        encode = remote.bound(PROFILE)
        for _ in range(3):
            with pytest.raises(EncodersStarting):
                await encode(REQUEST, {})
        await asyncio.sleep(0)
        assert (far.calls, far.cancelled) == (3, 2), "one call is left waiting, however many were refused"
        far.awake.set()
        remote._wait_seconds = 60  # encoding takes as long as it takes
        assert (await encode(REQUEST, {})).vector is not None

    asyncio.run(scenario())


def test_a_refused_query_is_a_503_with_retry_after() -> None:
    problem, headers = problem_of(EncodersStarting("try again shortly"))
    assert (problem.status, headers["Retry-After"]) == (503, "15")
    assert problem.type == "urn:mmpipe:problem:encoders-starting"


def test_a_spare_answers_with_the_same_vector_and_at_once_while_the_encoder_starts() -> None:
    async def scenario() -> None:
        far = Sleeping()
        spare = LocalQueryEncoder(Models(1))
        remote = RemoteQueryEncoder(far, wait_seconds=0.01, spare=spare)
        remote.prepare(PROFILE)
        encode = remote.bound(PROFILE)
        first = await encode(REQUEST, {})
        await encode(SearchRequest(text="blue hat"), {})
        assert far.calls == 1, "nobody else waits for an encoder that is known to be away"
        far.awake.set()
        while remote._waking:
            await asyncio.sleep(0.01)
        remote._wait_seconds = 60
        later = await encode(REQUEST, {})
        assert far.calls == 2, "once it is awake it is asked again"
        assert first.vector is not None
        assert first.vector.tobytes() == later.vector.tobytes()  # type: ignore[union-attr]

    asyncio.run(scenario())


def test_a_caller_that_goes_away_takes_its_call_along() -> None:
    async def scenario() -> None:
        far = Sleeping()
        query = asyncio.ensure_future(RemoteQueryEncoder(far).bound(PROFILE)(REQUEST, {}))
        await asyncio.sleep(0.01)
        query.cancel()
        with pytest.raises(asyncio.CancelledError):
            await query
        await asyncio.sleep(0)
        assert far.cancelled == 1

    asyncio.run(scenario())


def test_encoders_start_with_none_and_end_with_none() -> None:
    auto = scaling.encoders(_settings())["autoscaling_config"]
    assert (auto["min_replicas"], auto["initial_replicas"], auto["max_replicas"]) == (0, 0, 2)
    assert auto["downscale_delay_s"] == 600
    kept = scaling.encoders(_settings(encoder_min_replicas=3, encoder_max_replicas=1))["autoscaling_config"]
    assert (kept["min_replicas"], kept["max_replicas"]) == (3, 3)


def test_query_replicas_are_kept_as_long_as_the_settings_say() -> None:
    assert scaling.api(_settings(idle_seconds=7))["autoscaling_config"]["downscale_delay_s"] == 7


def test_serve_accepts_what_scaling_decides() -> None:
    from ray import serve

    class Anything:
        pass

    for settings in (_settings(), _settings(min_replicas=0, encoder_min_replicas=1, max_replicas=9)):
        for options in (scaling.api(settings), scaling.encoders(settings), scaling.indexer(settings)):
            serve.deployment(Anything, name="x", **options)


def test_a_cluster_without_a_gpu_yet_is_told_by_the_setting() -> None:
    assert app.wants_gpu(_settings(gpu="on"))
    assert not app.wants_gpu(_settings(gpu="off"))
    assert not app.wants_gpu(_settings(gpu="auto")), "no Ray runs here, so there is no GPU"


def test_gpu_on_adds_the_encoders_to_the_application() -> None:
    from ray.serve._private.build_app import build_app as flatten

    built = flatten(app.build_app(_settings(gpu="on")), name="mmpipe")
    assert {deployment.name for deployment in built.deployments} == {"Api", "Encoders"}


def test_the_token_of_the_internal_route_comes_from_the_named_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_token, "read_secret", lambda name: f"text of {name}")
    named = Settings(dispatch=DispatchSettings(token_secret="shop/indexer"))
    resolved = dispatch_token.with_token(named).dispatch
    assert resolved.token.get_secret_value() == "text of shop/indexer"
    assert resolved.token_secret is None, "replicas do not read it again"
    given = Settings(dispatch=DispatchSettings(token=SecretStr("given")))
    assert dispatch_token.with_token(given) is given
