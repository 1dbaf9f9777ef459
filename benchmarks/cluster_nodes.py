"""A cluster that grows for a query and shrinks again: Ray's own autoscaler, nodes that are only pretended.

    python benchmarks/cluster_nodes.py [--profile fake] [--idle 5] [--node-idle-minutes 0.25]

Starts a head as ray_cluster.yaml does (token, autoscaler, ``serve deploy`` of infra/serve.yaml with other
delays), whose node types are those of ray_cluster.yaml. A "node" is a raylet of this machine that claims its
CPUs or its GPU, so what is measured is everything but the cloud. A query that needs a GPU encoder makes the
autoscaler launch a node, the encoder starts there, both go when nobody asks; the first query is answered by
the spare meanwhile. Then a large feed's job, sent to the Jobs API as handlers do: its worker finds no room on
the head, brings a node, indexes, and the node goes. Prints one JSON line: seconds from the first query on,
from the last query on, from the job's submission on and from its end on; ``feed_over_second_feed`` says how
many times longer the feed takes that must bring its node than one of the same size right behind it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmpipe.serve.ray.run import environment, free_port

ROOT = Path(__file__).resolve().parents[1]
CLUSTER: dict[str, Any] = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text(encoding="utf-8"))
HEAD_CPUS = CLUSTER["available_node_types"]["head"]["resources"]["CPU"]
_DEADLINE = 300.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", default="fake")
    parser.add_argument("--idle", type=float, default=5.0, help="serve.encoder_idle_seconds")
    parser.add_argument("--node-idle-minutes", type=float, default=0.25, help="idle_timeout_minutes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmpipe-", dir="/tmp") as name:
        folder = Path(name)
        variables = prepared(folder, options.profile)
        with head(folder, variables, options) as (url, dashboard):
            token = variables["RAY_AUTH_TOKEN"]
            figures = queries(url, dashboard, token) | feeds(folder, variables, dashboard, token)
    print(
        json.dumps(
            {
                "benchmark": "cluster_nodes",
                "profile": options.profile,
                "encoder_idle_seconds": options.idle,
                "node_idle_seconds": options.node_idle_minutes * 60,
                "cpus": os.cpu_count(),
                **figures,
            }
        )
    )


def prepared(folder: Path, profile: str) -> dict[str, str]:
    """Variables of the head, over a small lake."""
    from benchmarks.scale_to_zero import index
    from mmpipe.settings import IndexingSettings, LakeSettings, Settings

    settings = Settings(
        lake=LakeSettings(uri=str(folder / "lake")), indexing=IndexingSettings(profile=profile)
    )
    index(settings, folder)
    return {
        **os.environ,
        **environment(folder),
        "OMP_NUM_THREADS": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "MMPIPE_LAKE__URI": str(folder / "lake"),
        "MMPIPE_INDEXING__PROFILE": profile,
        "MMPIPE_SPEECH__RECOGNIZER": "none",
        "MMPIPE_SERVE__GPU": "on",
        "MMPIPE_INDEXING__GPUS": "0",
        "MMPIPE_INDEXING__AUTOSCALED": "true",
        "MMPIPE_INDEXING__WORKERS": "1",
        # The job's command is `python …`.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


@contextlib.contextmanager
def head(folder: Path, variables: dict[str, str], options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The head with its autoscaler and the application; gives the service's and the dashboard's address."""
    from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID
    from ray.util import get_node_ip_address

    gcs, dashboard_port, serve_port = free_port(), free_port(), free_port()
    scaling = folder / "autoscaling.yaml"
    scaling.write_text(yaml.safe_dump(pretended(f"{get_node_ip_address()}:{gcs}", options)))
    config = folder / "serve.yaml"
    config.write_text(yaml.safe_dump(shortened(options.idle, serve_port)))
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    arguments = [
        "--head",
        "--block",
        f"--port={gcs}",
        f"--dashboard-port={dashboard_port}",
        f"--num-cpus={HEAD_CPUS}",
    ]
    arguments += ["--num-gpus=0", "--dashboard-agent-listen-port=0", "--disable-usage-stats"]
    arguments += ["--object-store-memory=200000000", f"--temp-dir={folder / 'ray'}"]
    arguments += [f"--autoscaling-config={scaling}"]
    fake = {
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
    }
    dashboard = f"http://127.0.0.1:{dashboard_port}"
    with (folder / "head.log").open("w") as log:
        process = subprocess.Popen(
            [*ray, "start", *arguments], env=variables | fake, stdout=log, stderr=log, cwd=ROOT
        )

        def up() -> bool:
            if process.poll() is not None:
                said = (folder / "head.log").read_text(errors="replace")
                raise SystemExit(f"the head ended with {process.returncode}: {said[-500:]}")
            return answers(f"{dashboard}/api/gcs_healthz")

        try:
            until(up)
            deploy = [
                sys.executable,
                "-m",
                "ray.serve.scripts",
                "deploy",
                "--address",
                dashboard,
                str(config),
            ]
            subprocess.run(deploy, env=variables, check=True, stdout=log, stderr=log, timeout=120, cwd=ROOT)
            until(lambda: answers(f"http://127.0.0.1:{serve_port}/readyz"))
            yield f"http://127.0.0.1:{serve_port}", dashboard
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            end_what_is_left(folder)


def pretended(gcs_address: str, options: argparse.Namespace) -> dict[str, Any]:
    """An autoscaler's config with the worker types of ray_cluster.yaml."""
    import ray.autoscaler._private.fake_multi_node.node_provider as provider

    types = {
        kind: {key: value for key, value in t.items() if key != "node_config"} | {"node_config": {}}
        for kind, t in CLUSTER["available_node_types"].items()
        if kind != CLUSTER["head_node_type"]
    }
    head_type = {"resources": {"CPU": HEAD_CPUS}, "node_config": {}, "max_workers": 0}
    types[provider.FAKE_HEAD_NODE_TYPE] = head_type
    config = {
        "cluster_name": "pretended",
        "max_workers": CLUSTER["max_workers"],
        "upscaling_speed": CLUSTER["upscaling_speed"],
        "idle_timeout_minutes": options.node_idle_minutes,
        "provider": {
            # By its class: the defaults of the type fake_multinode are not in Ray's wheel.
            "type": "external",
            "module": f"{provider.__name__}.FakeMultiNodeProvider",
            "gcs_address": gcs_address,
            "launch_multiple": True,
            "head_node_id": provider.FAKE_HEAD_NODE_ID,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "available_node_types": types,
        "head_node_type": provider.FAKE_HEAD_NODE_TYPE,
    }
    empty_lists = ("cluster_synced_files", "rsync_exclude", "rsync_filter", "initialization_commands")
    commands = ("setup_commands", "head_setup_commands", "worker_setup_commands")
    starts = ("head_start_ray_commands", "worker_start_ray_commands")
    config |= {key: [] for key in (*empty_lists, *commands, *starts)}
    return config | {"file_mounts": {}, "auth": {}, "docker": {}, "file_mounts_sync_continuously": False}


def shortened(idle: float, port: int) -> dict[str, Any]:
    """infra/serve.yaml, its encoders allowed to go soon."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "infra" / "serve.yaml").read_text(encoding="utf-8"))
    config["http_options"]["port"] = port
    config["applications"][0]["args"]["serve"] |= {"encoder_idle_seconds": idle, "max_replicas": 1}
    return config


def queries(url: str, dashboard: str, token: str) -> dict[str, Any]:
    """From none to a GPU node with an encoder, and back."""

    def encoder_states() -> dict[str, int]:
        found = get(f"{dashboard}/api/serve/applications/", token)["applications"]["mmpipe"]["deployments"]
        states: dict[str, int] = {}
        for replica in found["Encoders"]["replicas"]:
            states[replica["state"]] = states.get(replica["state"], 0) + 1
        return states

    before = len(nodes(dashboard, token))
    begun = time.perf_counter()
    get(f"{url}/v1/search?q=red+shoe", "")
    first = round(time.perf_counter() - begun, 2)
    node = elapsed(lambda: nodes(dashboard, token) == ["GPU"], begun)
    running = elapsed(lambda: encoder_states().get("RUNNING", 0) == 1, begun)
    get(f"{url}/v1/search?q=blue+hat", "")
    begun = time.perf_counter()
    encoder_gone = elapsed(lambda: not encoder_states(), begun)
    node_gone = elapsed(lambda: not nodes(dashboard, token), begun)
    return {
        "workers_at_rest": before,
        "first_answer_seconds": first,
        "node_joined_seconds": node,
        "encoder_running_seconds": running,
        "encoder_gone_seconds": encoder_gone,
        "node_gone_seconds": node_gone,
    }


def feeds(folder: Path, variables: dict[str, str], dashboard: str, token: str) -> dict[str, Any]:
    """A feed whose worker needs a node that is not there; another right behind it; then back to none."""
    begun = time.perf_counter()
    first = submitted(folder, variables, dashboard, "first")
    joined = elapsed(lambda: nodes(dashboard, token) == ["CPU"], begun)
    done = elapsed(lambda: succeeded(dashboard, token, first), begun)
    begun = time.perf_counter()
    second = submitted(folder, variables, dashboard, "second")
    again = elapsed(lambda: succeeded(dashboard, token, second), begun)
    begun = time.perf_counter()
    gone = elapsed(lambda: not nodes(dashboard, token), begun)
    return {
        "feed_node_joined_seconds": joined,
        "feed_done_seconds": done,
        "second_feed_done_seconds": again,
        "feed_over_second_feed": round(done / again, 1),
        "feed_node_gone_seconds": gone,
    }


def submitted(folder: Path, variables: dict[str, str], dashboard: str, name: str) -> str:
    """Send a feed of 200 products to the Jobs API as a handler would; gives the job's id."""
    from mmpipe.dispatch.ray_jobs import RayJobsDispatcher, submission_id
    from mmpipe.events import plan
    from mmpipe.schemas.work import CatalogueEvent, ObjectRef
    from mmpipe.settings import DispatchSettings, IndexingSettings, LakeSettings, Settings

    feed = folder / "shop" / "feeds" / f"{name}.jsonl"
    feed.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"{name}-{n}", "title": f"green lamp {n}", "price": "9.00 USD"} for n in range(200)]
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = Settings(
        lake=LakeSettings(uri=variables["MMPIPE_LAKE__URI"]),
        indexing=IndexingSettings(
            profile=variables["MMPIPE_INDEXING__PROFILE"],
            gpus=0,
            autoscaled=True,
            workers=1,
            warm_max_bytes=1,
        ),
        dispatch=DispatchSettings(jobs_url=dashboard, ray_token=SecretStr(variables["RAY_AUTH_TOKEN"])),
    )
    size, now = feed.stat().st_size, datetime.now(UTC)
    upload = ObjectRef(uri=feed.as_uri(), etag=name, size=size, event_time=now)
    order = plan(CatalogueEvent(kind="feed_uploaded", collection="shop", object=upload), settings.indexing)
    if order is None or order.lane != "batch":
        raise SystemExit(f"the feed is no batch work: {order}")
    (outcome,) = RayJobsDispatcher(settings).submit([order])
    if outcome.status != "accepted":
        raise SystemExit(f"Ray took no job: {outcome}")
    return submission_id(order.run_id)


def succeeded(dashboard: str, token: str, job: str) -> bool:
    """Whether the job has ended, and well."""
    state = get(f"{dashboard}/api/jobs/{job}", token)
    if state["status"] in ("FAILED", "STOPPED"):
        raise SystemExit(f"the feed's job: {state['status']}: {state.get('message')}")
    return bool(state["status"] == "SUCCEEDED")


def nodes(dashboard: str, token: str) -> list[str]:
    """What each worker that is alive offers: "GPU" or "CPU"."""
    summary = get(f"{dashboard}/nodes?view=summary", token)["data"]["summary"]
    alive = [node["raylet"] for node in summary if node["raylet"].get("state") == "ALIVE"]
    workers = [raylet for raylet in alive if not raylet.get("isHeadNode")]
    return sorted("GPU" if raylet.get("resourcesTotal", {}).get("GPU") else "CPU" for raylet in workers)


def elapsed(holds: Callable[[], bool], begun: float) -> float:
    """Seconds since ``begun`` when it first holds."""
    until(holds)
    return round(time.perf_counter() - begun, 1)


def get(url: str, token: str) -> Any:
    """The JSON answer."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def answers(url: str) -> bool:
    """Whether it does, with 200."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False


def until(holds: Callable[[], bool]) -> None:
    """Wait until it is so."""
    begun = time.perf_counter()
    while not holds():
        if time.perf_counter() - begun > _DEADLINE:
            raise SystemExit("nothing changed within five minutes")
        time.sleep(0.25)


def end_what_is_left(folder: Path) -> None:
    """Pretended nodes outlive the head; theirs are the processes that name this run's folder."""
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(str(folder) in part for part in process.cmdline()):
                process.kill()


if __name__ == "__main__":
    main()
