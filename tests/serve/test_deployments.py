"""How the deployments are wired and sized, and what crosses between them, without starting Ray."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from mmpipe.encoders import registry
from mmpipe.errors import DispatchUnavailable, InvalidRequest, ProfileMismatch
from mmpipe.schemas.product import FACET_FIELDS
from mmpipe.schemas.search import Filters, SearchRequest
from mmpipe.serve import app_builder, indexer_builder
from mmpipe.serve.answer.query_encoder import LocalQueryEncoder, Models
from mmpipe.serve.http.requests import FilterParams
from mmpipe.serve.ray import scaling
from mmpipe.serve.ray.deployments.api import remote_encoder
from mmpipe.serve.ray.deployments.encoders import Encoders
from mmpipe.settings import IndexingSettings, ServeSettings, Settings


class _Handle:
    """A deployment handle whose methods run here."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        return type("Method", (), {"remote": staticmethod(method)})


def _settings(**serve: Any) -> Settings:
    return Settings(indexing=IndexingSettings(profile="fake"), serve=ServeSettings(**serve))


def test_remote_and_local_encoders_agree() -> None:
    settings = _settings()
    profile = registry.load("fake").profile
    request = SearchRequest.model_validate({"text": "red shoe", "weights": {"image": 3}})
    media: Any = {"image": np.full((8, 8, 3), 200, np.uint8)}
    local = asyncio.run(LocalQueryEncoder(Models(1)).bound(profile)(request, media))
    remote = asyncio.run(remote_encoder(_Handle(Encoders(settings)), settings).bound(profile)(request, media))
    assert local.vector is not None
    np.testing.assert_array_equal(local.vector, remote.vector)
    assert (local.text, local.identity, local.text_share) == (remote.text, remote.identity, remote.text_share)


def test_browsing_never_calls_the_encoders() -> None:
    encoder = remote_encoder(_Handle(object()), _settings())
    query = asyncio.run(encoder.bound(registry.load("fake").profile)(SearchRequest(), {}))
    assert query.asks_nothing


def test_another_model_release_is_a_mismatch() -> None:
    import dataclasses

    profile = registry.load("fake").profile
    other = dataclasses.replace(profile, dim=profile.dim + 1)
    with pytest.raises(ProfileMismatch, match=r"index again \(mmpipe live reindex --profile fake"):
        LocalQueryEncoder(Models(1)).prepare(other)


def test_errors_cross_as_what_they_were_and_without_the_far_traceback() -> None:
    from ray.exceptions import RayTaskError

    class Failing:
        def __init__(self, cause: Exception) -> None:
            self._cause = cause

        async def encode(self, *_: Any) -> Any:
            raise RayTaskError("encode", "File /srv/secret.py", self._cause).as_instanceof_cause()

    profile = registry.load("fake").profile
    encoder = remote_encoder(_Handle(Failing(InvalidRequest("audio", "leave it out"))), _settings())
    with pytest.raises(InvalidRequest) as caught:
        asyncio.run(encoder.bound(profile)(SearchRequest(text="x"), {}))
    assert str(caught.value) == "audio: leave it out"
    encoder = remote_encoder(_Handle(Failing(KeyError("bug"))), _settings())
    with pytest.raises(DispatchUnavailable):
        asyncio.run(encoder.bound(profile)(SearchRequest(text="x"), {}))


def test_scaling_follows_the_settings() -> None:
    options = scaling.api(_settings(min_replicas=0, max_replicas=5, target_ongoing_requests=7))
    auto = options["autoscaling_config"]
    assert (auto["min_replicas"], auto["max_replicas"], auto["target_ongoing_requests"]) == (0, 5, 7)
    assert scaling.api(_settings(min_replicas=3, max_replicas=1))["autoscaling_config"]["max_replicas"] == 3
    assert scaling.indexer(_settings())["num_replicas"] == 1
    assert scaling.encoders(_settings())["ray_actor_options"]["num_gpus"] == 1


@pytest.mark.parametrize("builder", [app_builder, indexer_builder])
def test_the_builders_refuse_unknown_settings(builder: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(ValidationError, match=r"serve\.prot"):
        builder({"serve": {"prot": 80}})


def test_every_filter_can_be_asked_in_a_query_string() -> None:
    assert set(FACET_FIELDS) <= set(FilterParams.model_fields)
    assert set(Filters.model_fields) == {*FACET_FIELDS, "price", "attributes"}


@pytest.mark.parametrize(("builder", "ingress"), [(app_builder, "Api"), (indexer_builder, "Indexer")])
def test_each_builder_makes_an_application_of_its_own_from_a_config_files_args(
    builder: Callable[[dict[str, Any]], Any], ingress: str
) -> None:
    from ray.serve._private.api import call_user_app_builder_with_args_if_necessary as call_builder
    from ray.serve._private.build_app import build_app as flatten

    application = call_builder(builder, {"lake": {"uri": "s3://shop/lake"}, "serve": {"max_replicas": 4}})
    built = flatten(application, name="mmpipe")
    assert {deployment.name for deployment in built.deployments} == {ingress}
    assert built.ingress_deployment_name == ingress


def test_a_split_collection_has_a_deployment_per_shard() -> None:
    from ray.serve._private.build_app import build_app as flatten

    built = flatten(app_builder({"serve": {"shards": 3, "gpu": "off"}}), name="mmpipe")
    assert {each.name for each in built.deployments} == {"Api", "Shard-0", "Shard-1", "Shard-2"}
    assert built.ingress_deployment_name == "Api"


def test_only_replicas_change_how_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray.serve

    from mmpipe.serve.ray.deployments import logs

    chosen: list[str] = []
    monkeypatch.setattr(logs, "configure_logging", chosen.append)
    logs.log_as_replica()
    assert chosen == [], "no replica runs here"
    monkeypatch.setattr(ray.serve, "get_replica_context", lambda: "a replica's")
    logs.log_as_replica()
    assert chosen == ["WARNING"]
    Encoders(_settings())
    assert chosen == ["WARNING", "WARNING"], "each deployment begins with it"
