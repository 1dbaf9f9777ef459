"""How many replicas each deployment runs, and how many requests one takes: the only place that decides it."""

from __future__ import annotations

from typing import Any

from mmpipe.settings import Settings


def api(settings: Settings) -> dict[str, Any]:
    """Query replicas follow the number of requests in flight.

    A replica answers queries on its event loop one after the other, so what is in flight beyond the target
    waits; ``max_ongoing_requests`` is far above it because a photo may arrive slowly and an interaction
    waits for its commit, both without costing CPU.
    """
    serve = settings.serve
    return {
        "autoscaling_config": {
            "min_replicas": serve.min_replicas,
            "initial_replicas": max(serve.min_replicas, 1),
            "max_replicas": max(serve.max_replicas, serve.min_replicas, 1),
            "target_ongoing_requests": serve.target_ongoing_requests,
            "upscale_delay_s": 5.0,
            "downscale_delay_s": serve.idle_seconds,
            "metrics_interval_s": 2.0,
            "look_back_period_s": 10.0,
        },
        "max_ongoing_requests": 256,
        "ray_actor_options": {"num_cpus": 0.5},
        "health_check_period_s": 5.0,
        "health_check_timeout_s": 15.0,
        "graceful_shutdown_timeout_s": 10.0,
    }


def indexer(settings: Settings) -> dict[str, Any]:
    """One replica: commits of one table cannot overlap, so a second writer would only contend."""
    return {
        "num_replicas": 1,
        "max_ongoing_requests": 256,
        "ray_actor_options": {"num_cpus": 0.25},
        "health_check_period_s": 5.0,
        "health_check_timeout_s": 60.0,
        "graceful_shutdown_timeout_s": settings.dispatch.timeout_seconds,
    }


def key_keeper() -> dict[str, Any]:
    """One, on the head: no other node's role may read the secret. It takes none of the head's CPUs."""
    return {
        "num_replicas": 1,
        "max_ongoing_requests": 256,
        "ray_actor_options": {"num_cpus": 0, "resources": {"node:__internal_head__": 0.001}},
        "health_check_period_s": 5.0,
        "health_check_timeout_s": 15.0,
        "graceful_shutdown_timeout_s": 5.0,
    }


def encoders(settings: Settings) -> dict[str, Any]:
    """Query encoders, one GPU each; more only under sustained load, for a GPU node takes minutes to come.

    None is started ahead of the first query where the minimum is 0. From 0 to 1 no delay counts; queries that
    wait at a searcher bring the first one.
    """
    serve = settings.serve
    return {
        "autoscaling_config": {
            "min_replicas": serve.encoder_min_replicas,
            "initial_replicas": serve.encoder_min_replicas,
            "max_replicas": max(serve.encoder_max_replicas, serve.encoder_min_replicas),
            "target_ongoing_requests": 4 * serve.target_ongoing_requests,
            "upscale_delay_s": 15.0,
            "downscale_delay_s": serve.encoder_idle_seconds,
            "metrics_interval_s": 2.0,
            "look_back_period_s": 10.0,
        },
        "max_ongoing_requests": 128,
        "ray_actor_options": {"num_cpus": 0.5, "num_gpus": 1},
        "health_check_period_s": 5.0,
        "health_check_timeout_s": 30.0,
    }
