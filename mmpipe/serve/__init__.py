"""Queries and the indexer: two FastAPI applications on Ray Serve.

``build_app`` and ``build_indexer`` make the Serve applications (``app_builder`` and ``indexer_builder`` from
a Serve config file), ``serve`` and ``running`` run both on one machine; ``api.create_app`` and
``internal.create_internal_app`` are the HTTP applications alone, without Ray.
"""

from mmpipe.serve.app import app_builder, build_app, build_indexer, indexer_builder
from mmpipe.serve.run import base_url, ray_cluster, running, serve

__all__ = [
    "app_builder",
    "base_url",
    "build_app",
    "build_indexer",
    "indexer_builder",
    "ray_cluster",
    "running",
    "serve",
]
