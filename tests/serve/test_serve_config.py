"""infra/serve.yaml, which every cluster deploys: Ray takes it, and it builds the application it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mmpipe import serve
from mmpipe.serve.http.internal import PREFIX
from mmpipe.serve.ray import scaling
from mmpipe.serve.ray.names import APP_NAME, INDEXER_APP_NAME
from mmpipe.settings import Settings

FILE = Path(__file__).parents[2] / "infra" / "serve.yaml"
CONFIG: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
APPLICATION, INDEXER = CONFIG["applications"]


def test_ray_takes_it_and_ignores_nothing() -> None:
    from ray.serve.schema import ServeApplicationSchema, ServeDeploySchema

    schema = ServeDeploySchema.model_validate(CONFIG)
    # Ray drops unknown keys in silence, to take files of later versions.
    assert set(CONFIG) <= set(ServeDeploySchema.model_fields)
    assert set(APPLICATION) | set(INDEXER) <= set(ServeApplicationSchema.model_fields)
    assert [(app.name, app.route_prefix) for app in schema.applications] == [
        (APP_NAME, "/"),
        (INDEXER_APP_NAME, PREFIX),
    ]


def test_it_builds_the_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.serve._private.api import call_user_app_builder_with_args_if_necessary as call_builder
    from ray.serve._private.build_app import build_app as flatten

    monkeypatch.setenv("MMPIPE_SERVE__GPU", "on")
    found = {}
    for application in (APPLICATION, INDEXER):
        module, _, name = application["import_path"].partition(":")
        assert module == serve.__name__
        built = flatten(call_builder(getattr(serve, name), application.get("args", {})), name=APP_NAME)
        found[name] = {deployment.name for deployment in built.deployments}
    assert found == {"app_builder": {"Api", "Encoders"}, "indexer_builder": {"Indexer"}}


def test_what_differs_between_clusters_is_left_to_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMPIPE_SERVE__GPU", "on")
    monkeypatch.setenv("MMPIPE_SERVE__MIRROR_DIR", "/scratch")
    monkeypatch.setenv("MMPIPE_LAKE__URI", "s3://shop/lake")
    settings = Settings(**APPLICATION["args"])
    assert (settings.serve.gpu, settings.serve.mirror_dir) == ("on", "/scratch")
    assert settings.lake.uri == "s3://shop/lake"


def test_encoders_may_go_to_zero_and_searchers_may_not() -> None:
    settings = Settings(**APPLICATION["args"])
    assert scaling.encoders(settings)["autoscaling_config"]["min_replicas"] == 0
    assert scaling.api(settings)["autoscaling_config"]["min_replicas"] >= 1
    assert settings.serve.encoder_spare, "or queries would be refused while a GPU node comes"


def test_replica_counts_are_decided_in_one_place() -> None:
    for application in (APPLICATION, INDEXER):
        assert "deployments" not in application, "mmpipe/serve/ray/scaling.py decides"
