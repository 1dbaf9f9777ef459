"""GPU encoders that shrink to nothing on Ray Serve: how long until none is left, and the first query after.

    python benchmarks/scale_to_zero.py [--profile starter] [--idle 10] [--rounds 3]

Ray is told of one GPU that is not there, so the encoders are scheduled as on a GPU and run on the CPU: the
figures are Serve's own share, without the minutes that a cloud needs for a GPU node and without the seconds
in which a large model is loaded. Three runs of the service: one whose queries wait for the encoder, one whose
queries wait for a second only, and one with a spare encoder in the searcher. Prints one JSON line;
``first_over_warm`` is how many times longer the query waits that must bring an encoder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmpipe.serve.ray.names import APP_NAME
from mmpipe.serve.ray.run import application, free_port, ray_cluster
from mmpipe.settings import Settings, load_settings

_COLORS = ("red", "green", "blue", "black", "white")
_KINDS = ("shoe", "bag", "hat", "lamp", "mug", "chair")
_DEADLINE = 300.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", default="starter")
    parser.add_argument("--idle", type=float, default=10.0, help="serve.encoder_idle_seconds")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmpipe-bench-") as folder:
        settings = configured(Path(folder), options)
        index(settings, Path(folder))
        with ray_cluster(settings, num_gpus=1):
            waiting = patient(settings, options.rounds)
            refused = impatient(settings)
            spared = with_spare(settings)
    print(
        json.dumps(
            {
                "benchmark": "scale_to_zero",
                "profile": options.profile,
                "idle_seconds": options.idle,
                "cpus": os.cpu_count(),
                **waiting,
                "wait_1s": refused,
                "spare": spared,
            }
        )
    )


def configured(folder: Path, options: argparse.Namespace) -> Settings:
    """Settings of the environment with a lake of its own and encoders that may shrink to nothing."""
    base = load_settings()
    serve = {
        "port": free_port(),
        "min_replicas": 1,
        "max_replicas": 1,
        "gpu": "on",
        "encoder_min_replicas": 0,
        "encoder_idle_seconds": options.idle,
        "encoder_wait_seconds": 120.0,
    }
    return base.model_copy(
        update={
            "lake": base.lake.model_copy(update={"uri": str(folder / "lake")}),
            "indexing": base.indexing.model_copy(update={"profile": options.profile}),
            "speech": base.speech.model_copy(update={"recognizer": "none"}),
            "serve": base.serve.model_copy(update=serve),
        }
    )


def index(settings: Settings, folder: Path) -> None:
    """A small catalogue: what is measured does not depend on its size."""
    from mmpipe.indexing import execute_file

    feed = folder / "feed.jsonl"
    rows = [
        {"id": f"{color}-{kind}", "title": f"{color} {kind}", "price": "9.00 USD", "color": color}
        for color in _COLORS
        for kind in _KINDS
    ]
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    record = execute_file(settings, feed, "shop", Path(settings.lake.uri))
    if record.status != "done":
        raise SystemExit(f"indexing failed: {record.error}")


def patient(settings: Settings, rounds: int) -> dict[str, Any]:
    """The queries wait: from nothing to the first answer, and from the last answer to nothing."""
    first: list[float] = []
    warm: list[float] = []
    to_zero: list[float] = []
    taken_back: list[float] = []
    with application(settings) as url:
        at_start = encoders()
        for round_number in range(rounds):
            first.append(search(url, f"red shoe {round_number}")[1])
            warm.extend(search(url, f"blue hat {round_number} {n}")[1] for n in range(5))
            begun = time.perf_counter()
            until(lambda: wanted() == 0)
            to_zero.append(time.perf_counter() - begun)
            until(lambda: encoders() == 0 and gpu_is_free())
            taken_back.append(time.perf_counter() - begun)
    return {
        "encoders_at_start": at_start,
        "first_query_seconds": rounded(first),
        "warm_query_ms": round(1000 * statistics.median(warm), 1),
        "first_over_warm": round(statistics.median(first) / statistics.median(warm)),
        "decision_to_zero_seconds": rounded(to_zero),
        "gpu_free_after_seconds": rounded(taken_back),
    }


def impatient(settings: Settings) -> dict[str, Any]:
    """The queries wait for a second: what they get until the encoder runs, and how long that takes."""
    answers: list[tuple[int, float, str | None]] = []
    with application(with_serve(settings, encoder_wait_seconds=1.0)) as url:
        begun = time.perf_counter()
        while not answers or answers[-1][0] != 200:
            if time.perf_counter() - begun > _DEADLINE:
                raise SystemExit("the encoders did not start")
            answers.append(search(url, f"green lamp {len(answers)}"))
    return {
        "refused": len(answers) - 1,
        "status": sorted({status for status, _, _ in answers[:-1]}),
        "retry_after": sorted({after or "" for _, _, after in answers[:-1]}),
        "answered_after_seconds": round(time.perf_counter() - begun, 2),
    }


def with_spare(settings: Settings) -> dict[str, Any]:
    """The searcher encodes by itself while the encoder starts."""
    took: list[float] = []
    with application(with_serve(settings, encoder_wait_seconds=0.3, encoder_spare=True)) as url:
        begun = time.perf_counter()
        while encoders() == 0:
            if time.perf_counter() - begun > _DEADLINE:
                raise SystemExit("the encoders did not start")
            status, seconds, _ = search(url, f"white mug {len(took)}")
            if status != 200:
                raise SystemExit(f"HTTP {status} beside a spare encoder")
            took.append(seconds)
    return {"first_query_seconds": round(took[0], 3), "second_query_seconds": rounded(took[1:2])}


def with_serve(settings: Settings, **changes: Any) -> Settings:
    """The same settings but for these of ``serve``."""
    return settings.model_copy(
        update={"serve": settings.serve.model_copy(update={"port": free_port(), **changes})}
    )


def search(url: str, text: str) -> tuple[int, float, str | None]:
    """Status, seconds and Retry-After of one query."""
    begun = time.perf_counter()
    try:
        with urllib.request.urlopen(f"{url}/v1/search?q={quote(text)}", timeout=_DEADLINE) as answer:
            answer.read()
            return answer.status, time.perf_counter() - begun, None
    except urllib.error.HTTPError as error:
        return error.code, time.perf_counter() - begun, error.headers.get("Retry-After")


def encoders() -> int:
    """GPU encoders that run now."""
    return _states().get("RUNNING", 0)


def wanted() -> int:
    """GPU encoders that are not being stopped."""
    return sum(count for state, count in _states().items() if state != "STOPPING")


def _states() -> dict[str, int]:
    from ray import serve

    deployment = serve.status().applications[APP_NAME].deployments["Encoders"]
    return {str(getattr(state, "value", state)): n for state, n in deployment.replica_states.items()}


def gpu_is_free() -> bool:
    """Nobody holds the GPU: an autoscaler may take its node away."""
    import ray

    return bool(ray.available_resources().get("GPU", 0) == 1)


def until(holds: Any) -> None:
    """Wait until it is so."""
    begun = time.perf_counter()
    while not holds():
        if time.perf_counter() - begun > _DEADLINE:
            raise SystemExit("nothing changed within five minutes")
        time.sleep(0.2)


def rounded(values: list[float]) -> list[float]:
    """To 10 ms."""
    return [round(value, 2) for value in values]


if __name__ == "__main__":
    main()
