"""The Serve application: which deployments there are and who calls whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from mmpipe.dispatch.tokens import read_secret
from mmpipe.serve import scaling
from mmpipe.settings import Settings

if TYPE_CHECKING:
    from ray.serve import Application

APP_NAME = "mmpipe"


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
    """``Api`` in front, ``Indexer`` behind its internal route, with a GPU ``Encoders`` behind its queries,
    and ``KeyKeeper`` where API keys are in a secret.

    Without a GPU the encoders are in the process of the searcher, for a hop would cost more than it saves.
    The API keys are read once here, so that wrong ones fail at once: raises ``InvalidKeys``, and
    ``DispatchUnavailable`` where they cannot be read.
    """
    from ray import serve
    from ray.serve.schema import LoggingConfig

    from mmpipe.serve.deployments.api import Api
    from mmpipe.serve.deployments.encoders import Encoders
    from mmpipe.serve.deployments.indexer import Indexer
    from mmpipe.serve.deployments.key_keeper import KeyKeeper
    from mmpipe.serve.keys import configured_keys

    configured_keys(settings.serve)
    quiet = LoggingConfig(log_level="WARNING", enable_access_log=False)

    def deployment(cls: type[Any], options: Mapping[str, Any], *args: Any) -> Application:
        bound: Application = serve.deployment(cls, name=cls.__name__, logging_config=quiet, **options).bind(
            *args
        )
        return bound

    indexer = deployment(Indexer, scaling.indexer(settings), settings)
    encoders = deployment(Encoders, scaling.encoders(settings), settings) if wants_gpu(settings) else None
    keeper = deployment(KeyKeeper, scaling.key_keeper(), settings) if settings.serve.api_keys_secret else None
    ingress = serve.ingress()(Api)
    ingress.__name__ = Api.__name__
    return deployment(ingress, scaling.api(settings), settings, indexer, encoders, keeper)


def app_builder(args: dict[str, Any]) -> Application:
    """For a Serve config file: ``import_path: mmpipe.serve:app_builder`` with the settings tree under
    ``args``.

    What ``args`` leaves out comes from ``MMPIPE_*`` variables, and the token of the internal route from the
    secret that ``dispatch.token_secret`` names. Raises pydantic's ``ValidationError`` for unknown or invalid
    settings, ``InvalidKeys`` for API keys that are none, and ``DispatchUnavailable`` for a secret that cannot
    be read: the former application goes on.
    """
    return build_app(with_token(Settings(**args)))


def with_token(settings: Settings) -> Settings:
    """The settings with the internal route's token in them, read from ``dispatch.token_secret`` if named.

    Replicas then need no right to the secret. Raises ``DispatchUnavailable``.
    """
    secret = settings.dispatch.token_secret
    if secret is None:
        return settings
    changes = {"token": SecretStr(read_secret(secret)), "token_secret": None}
    return settings.model_copy(update={"dispatch": settings.dispatch.model_copy(update=changes)})
