"""The Serve applications: which deployments there are and who calls whom.

Two on one port, told apart by their prefix: queries at ``/``, the indexer at ``/internal/v1``. Neither knows
the other; the lake is all they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmpipe.dispatch.pseudonym_key import with_pseudonym_key
from mmpipe.serve.http.dispatch_token import with_token
from mmpipe.serve.ray import scaling
from mmpipe.settings import Settings

if TYPE_CHECKING:
    from ray.serve import Application


def wants_gpu(settings: Settings) -> bool:
    """Whether encoders get GPUs of their own.

    ``serve.gpu`` says so, or is auto and the connected cluster has a GPU now. An autoscaled cluster starts
    with none, so it is told by ``on``.
    """
    if settings.serve.gpu != "auto":
        return settings.serve.gpu == "on"
    import ray

    return ray.is_initialized() and bool(ray.cluster_resources().get("GPU", 0) >= 1)


def build_app(settings: Settings) -> Application:
    """The queries: ``Api`` in front, behind it ``Encoders`` with a GPU each where there are some,
    ``KeyKeeper`` where API keys are in a secret, and ``Shard-0`` and on where collections are split. Its
    place is ``/``.

    Without a GPU the encoders are in the process of the searcher, for a hop would cost more than it saves.
    The API keys are read once here, so that wrong ones fail at once, and the key of the pseudonyms, so that
    replicas need no right to its secret: raises ``InvalidKeys``, and ``DispatchUnavailable`` where they
    cannot be read.
    """
    from mmpipe.serve.http.keys import configured_keys
    from mmpipe.serve.ray.deployments.api import Api
    from mmpipe.serve.ray.deployments.encoders import Encoders
    from mmpipe.serve.ray.deployments.key_keeper import KeyKeeper
    from mmpipe.serve.ray.shards import deployments

    settings = with_pseudonym_key(settings)
    configured_keys(settings.serve)
    encoders = _deployment(Encoders, scaling.encoders(settings), settings) if wants_gpu(settings) else None
    secret = settings.serve.api_keys_secret
    keeper = _deployment(KeyKeeper, scaling.key_keeper(), settings) if secret else None
    return _ingress(Api, scaling.api(settings), settings, encoders, keeper, *deployments(settings))


def build_indexer(settings: Settings) -> Application:
    """``Indexer``, which takes the handlers' work. Its place is ``internal.PREFIX``."""
    from mmpipe.serve.ray.deployments.indexer import IndexerIngress

    settings = with_pseudonym_key(settings)
    return _ingress(IndexerIngress, scaling.indexer(settings), settings, name="Indexer")


def _deployment(
    cls: type[Any], options: Mapping[str, Any], *args: Any, name: str | None = None
) -> Application:
    from ray import serve
    from ray.serve.schema import LoggingConfig

    quiet = LoggingConfig(log_level="WARNING", enable_access_log=False)
    named = name or cls.__name__
    bound: Application = serve.deployment(cls, name=named, logging_config=quiet, **options).bind(*args)
    return bound


def _ingress(cls: type[Any], options: Mapping[str, Any], *args: Any, name: str | None = None) -> Application:
    from ray import serve

    ingress = serve.ingress()(cls)
    ingress.__name__ = cls.__name__
    return _deployment(ingress, options, *args, name=name)


def app_builder(args: dict[str, Any]) -> Application:
    """For a Serve config file: ``import_path: mmpipe.serve:app_builder`` with the settings tree under
    ``args``; what ``args`` leaves out comes from ``MMPIPE_*`` variables.

    Raises pydantic's ``ValidationError`` for unknown or invalid settings, and what :func:`build_app` raises:
    the former application goes on.
    """
    return build_app(Settings(**args))


def indexer_builder(args: dict[str, Any]) -> Application:
    """As :func:`app_builder`, of :func:`build_indexer`; the token of its routes may be in the secret that
    ``dispatch.token_secret`` names. Raises also ``DispatchUnavailable`` where that cannot be read."""
    return build_indexer(with_token(Settings(**args)))
