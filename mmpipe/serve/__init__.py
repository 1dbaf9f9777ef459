"""Queries and the indexer: two FastAPI applications on Ray Serve, on one port; the lake is all they share.

``build_app`` makes the queries, at ``/``: the ingress ``Api``, with GPUs a deployment ``Encoders``,
``KeyKeeper`` where API keys are in a secret, ``Shard-0`` and on where collections are split.
``build_indexer`` makes the indexer, at ``/internal/v1``: the ingress ``Indexer``. So an upload neither wakes,
scales nor waits for a query replica, and queries do not notice an indexer that hangs. ``app_builder`` and
``indexer_builder`` are the same for a Serve config file (``infra/serve.yaml``); ``serve`` and ``running`` run
both on one machine; ``http.api.create_app`` and ``http.internal.create_internal_app`` are the HTTP
applications alone, ``standalone`` is both in one process without Ray.

* ``ray`` is the deployments, and ``ray.scaling`` alone decides how many replicas run; ``http`` is routes,
  guards and answers; ``answer`` is what a query replica can do, ``ingest`` what the indexer can. Imports go
  from the first to the last of them.
* ``http.ucp_routes`` are the doors for shopping agents (docs/agents.md), what they ask is ``ucp``.
* ``playground`` is the page for people at ``/``; its docstring says how a view is added.
* ``operations`` is what the shop's people do over HTTP: uploads and how far they are, rejects, what is live.
* ``http.guard`` guards the public routes where keys are set, by scope; ``answer.tenancy`` keeps a caller to
  their own collections; ``http.audit`` has calls of a shop's people on record. The dispatch token guards the
  internal routes: without one they are closed. Health and the docs are open.
* ``ingest.warm_work`` runs the pipeline, up to four batches at a time; what arrives while all are busy shares
  the next (``group_commit``). ``ingest.uploads`` tells of runs and rejects, private columns included.
* ``answer.watch``: ``/readyz`` is for whoever sends traffic, 503 until every live collection can be searched
  here; how old what is held has become, answers tell (``http.aged``). ``/healthz``, and each deployment's
  check by Serve, is for whoever restarts: 503 where a restart mends what does not mend itself, never because
  the store is away, for the version at hand goes on answering.
* ``http.tracing``: a span per request and per step, off without an OpenTelemetry SDK. No trace holds what a
  shopper asks: FastAPI's own traces, which hold the query string, are off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.lazily import names_of

if TYPE_CHECKING:
    from mmpipe.serve.ray.app import app_builder, build_app, build_indexer, indexer_builder
    from mmpipe.serve.ray.run import base_url, ray_cluster, running, serve, with_indexer

__all__ = [
    "app_builder",
    "base_url",
    "build_app",
    "build_indexer",
    "indexer_builder",
    "ray_cluster",
    "running",
    "serve",
    "with_indexer",
]

_HOMES = {
    **dict.fromkeys(("app_builder", "build_app", "build_indexer", "indexer_builder"), "ray.app"),
    **dict.fromkeys(("base_url", "ray_cluster", "running", "serve", "with_indexer"), "ray.run"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = names_of(__name__, _HOMES)
