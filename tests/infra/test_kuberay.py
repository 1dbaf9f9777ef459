"""infra/kuberay: the fields KubeRay knows, and what every pod there must have."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from tests.infra.kuberay_schema import SCHEMAS
from tests.infra.terraform import INFRA

FILES = ("namespace", "network", "rayservice", "rayjob")
DOCUMENTS: list[dict[str, Any]] = [
    document
    for name in FILES
    for document in yaml.safe_load_all((INFRA / "kuberay" / f"{name}.yaml").read_text(encoding="utf-8"))
]
RAY = [document for document in DOCUMENTS if document["apiVersion"] == "ray.io/v1"]


def kind(name: str) -> list[dict[str, Any]]:
    """The documents of one kind."""
    return [document for document in DOCUMENTS if document["kind"] == name]


def cluster_of(document: dict[str, Any]) -> dict[str, Any]:
    """The RayCluster part of a RayService or RayJob."""
    spec = document["spec"]
    cluster: dict[str, Any] = spec.get("rayClusterConfig") or spec["rayClusterSpec"]
    return cluster


def pods(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Role and pod template of each of its pods that runs Ray."""
    cluster = cluster_of(document)
    yield "head", cluster["headGroupSpec"]["template"]
    for group in cluster.get("workerGroupSpecs", []):
        yield group["groupName"], group["template"]


def ray_containers() -> list[tuple[str, dict[str, Any]]]:
    """Every Ray container with a name to find it by: the first of its pod, as KubeRay has it."""
    return [
        (f"{document['kind']} {role}", pod["spec"]["containers"][0])
        for document in RAY
        for role, pod in pods(document)
    ]


def everything(node: Any) -> Iterator[Any]:
    """Every value of a document, itself included."""
    yield node
    if isinstance(node, dict):
        for value in node.values():
            yield from everything(value)
    elif isinstance(node, list):
        for value in node:
            yield from everything(value)


@pytest.mark.parametrize("document", RAY, ids=lambda document: f"{document['kind']}")
def test_every_field_is_one_that_kuberay_knows(document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMAS[document["kind"]]).validate(document)


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        ("spec", "serveConfig", "x"),
        ("cluster", "authOption", {"mode": "token"}),
        ("cluster", "authOptions", {"mode": "disabled", "secretName": "x"}),
        ("container", "limits", {"cpu": "1"}),
        ("container", "securityContext", {"privileged": True}),
    ],
)
def test_the_schema_refuses(place: str, field: str, value: Any) -> None:
    document = copy.deepcopy(kind("RayService")[0])
    cluster = cluster_of(document)
    targets = {
        "spec": document["spec"],
        "cluster": cluster,
        "container": cluster["headGroupSpec"]["template"]["spec"]["containers"][0],
    }
    targets[place][field] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMAS["RayService"]).validate(document)


def test_the_service_runs_the_projects_serve_config() -> None:
    (service,) = kind("RayService")
    assert service["spec"]["serveConfigV2"] == (INFRA / "serve.yaml").read_text(encoding="utf-8")


def test_no_image_moves_under_its_tag() -> None:
    images = [node["image"] for document in DOCUMENTS for node in everything(document) if _has(node, "image")]
    assert images
    for image in images:
        _, _, tag = image.rpartition("/")[2].partition(":")
        assert tag not in ("", "latest"), image
    assert len(set(images)) == 1, "head and workers must hold the same Ray"


def _has(node: Any, field: str) -> bool:
    return isinstance(node, dict) and isinstance(node.get(field), str)


def test_every_ray_container_has_limits_and_probes() -> None:
    containers = ray_containers()
    assert len(containers) == 7
    for name, container in containers:
        limits, requests = container["resources"]["limits"], container["resources"]["requests"]
        assert {"cpu", "memory", "ephemeral-storage"} <= set(limits), name
        # Ray plans with the limits; memory that was not requested may not be there.
        assert (limits["cpu"], limits["memory"]) == (requests["cpu"], requests["memory"]), name
        # Ray answers these paths without the token.
        for probe in ("readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["path"].endswith("_healthz"), f"{name} {probe}"
        assert ("nvidia.com/gpu" in limits) == name.endswith("gpu")


def test_probed_paths_need_no_token() -> None:
    from pathlib import Path

    import ray.dashboard

    folder = Path(ray.dashboard.__file__).parent
    free = {
        8265: (folder / "http_server_head.py").read_text(encoding="utf-8"),
        52365: (folder / "http_server_agent.py").read_text(encoding="utf-8"),
    }
    probed = {
        (container[probe]["httpGet"]["port"], container[probe]["httpGet"]["path"])
        for _, container in ray_containers()
        for probe in ("readinessProbe", "livenessProbe")
    }
    assert probed == {(8265, "/api/gcs_healthz"), (52365, "/api/local_raylet_healthz")}
    for port, path in probed:
        assert f'"{path}"' in free[port], "Ray's list of paths without authentication"


def test_the_token_comes_from_a_secret_that_something_makes() -> None:
    (made,) = kind("ExternalSecret")
    assert [entry["secretKey"] for entry in made["spec"]["data"]] == ["auth_token"], "the key KubeRay reads"
    for document in RAY:
        options = cluster_of(document)["authOptions"]
        assert options == {"mode": "token", "secretName": made["spec"]["target"]["name"]}
    for name, container in ray_containers():
        # The operator sets RAY_AUTH_* there; a second source could only disagree with it.
        names = [entry["name"] for entry in container["env"]]
        assert not [n for n in names if n.startswith("RAY_AUTH") or n.endswith("__TOKEN")], name


def test_the_head_tells_cloudwatch_with_the_same_token_and_image() -> None:
    (service,) = kind("RayService")
    head = cluster_of(service)["headGroupSpec"]["template"]["spec"]["containers"]
    assert [container["name"] for container in head] == ["ray-head", "cloudwatch"]
    _, teller = head
    assert teller["command"][:3] == ["python", "-m", "mmpipe.serve.ray.cloudwatch"]
    (token,) = (entry["valueFrom"]["secretKeyRef"] for entry in teller["env"] if "valueFrom" in entry)
    assert token == {"name": cluster_of(service)["authOptions"]["secretName"], "key": "auth_token"}
    account = kind("ServiceAccount")[0]["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
    assert account.endswith(f":role/{teller['command'][-1]}-ray-head"), "the environment's name"


def test_what_the_operator_refuses_beyond_fields_is_not_there() -> None:
    """Rules of KubeRay's controller that a schema cannot say."""
    for document in RAY:
        name = document["metadata"].get("name") or document["metadata"]["generateName"] + "12345"
        assert len(name) <= 47
        cluster = cluster_of(document)
        assert tuple(int(part) for part in cluster["rayVersion"].split(".")) >= (2, 52), "the token needs it"
        groups = [cluster["headGroupSpec"], *cluster.get("workerGroupSpecs", [])]
        scales = cluster.get("enableInTreeAutoscaling", False)
        assert scales == ("autoscalerOptions" in cluster) == (len(groups) > 1)
        for group in groups:
            assert "restartPolicy" not in group["template"]["spec"], (
                "the autoscaler of version 2 replaces pods"
            )
            container = group["template"]["spec"]["containers"][0]
            assert "RAY_enable_autoscaler_v2" not in [entry["name"] for entry in container["env"]]


def test_every_setting_of_the_pods_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmpipe.settings import Settings, describe

    known = {name for name, _, _ in describe(Settings)}
    for name, container in ray_containers():
        ours = {e["name"]: e["value"] for e in container["env"] if e["name"].startswith("MMPIPE_")}
        assert set(ours) <= known, name
        with monkeypatch.context() as patch:
            for variable, value in ours.items():
                patch.setenv(variable, value)
            Settings()


def test_the_ray_version_is_the_installed_one() -> None:
    import ray

    assert {cluster_of(document)["rayVersion"] for document in RAY} == {ray.__version__}


def test_workers_go_to_zero() -> None:
    for document in RAY:
        for group in cluster_of(document).get("workerGroupSpecs", []):
            assert group["minReplicas"] == group["replicas"] == 0, group["groupName"]
    (service,) = kind("RayService")
    assert {group["groupName"] for group in cluster_of(service)["workerGroupSpecs"]} == {"cpu", "gpu"}


def test_pods_run_as_accounts_that_exist_and_workers_reach_no_api_server() -> None:
    accounts = {account["metadata"]["name"]: account for account in kind("ServiceAccount")}
    for account in accounts.values():
        assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].startswith("arn:aws:iam::")
    for document in RAY:
        for role, pod in pods(document):
            account = pod["spec"]["serviceAccountName"]
            assert account == f"mmpipe-ray-{'head' if role == 'head' else 'worker'}"
            assert account in accounts
            assert role == "head" or pod["spec"]["automountServiceAccountToken"] is False


def test_the_policy_covers_every_pod_and_opens_what_is_needed() -> None:
    (policy,) = kind("NetworkPolicy")
    spec = policy["spec"]
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    chosen = spec["podSelector"]["matchLabels"]
    for document in RAY:
        templates = [pod for _, pod in pods(document)]
        submitter = document["spec"].get("submitterPodTemplate")
        for template in templates if submitter is None else [*templates, submitter]:
            assert chosen.items() <= template["metadata"]["labels"].items()
    open_to_others = {
        port["port"]
        for rule in spec["ingress"]
        for port in rule.get("ports", [])
        if "podSelector" not in rule["from"][0]
    }
    assert open_to_others == {8000, 8265}
    assert all(rule["from"] for rule in spec["ingress"]), "an empty from lets everybody in"
    outside = [to["ipBlock"] for rule in spec["egress"] for to in rule["to"] if "ipBlock" in to]
    assert [block["except"] for block in outside] == [["169.254.169.254/32"]], (
        "a node's role is none of a pod's"
    )


def test_budgets_choose_head_and_workers() -> None:
    budgets = {budget["metadata"]["name"]: budget["spec"] for budget in kind("PodDisruptionBudget")}
    chosen = {name: spec["selector"]["matchLabels"]["ray.io/node-type"] for name, spec in budgets.items()}
    assert chosen == {"mmpipe-ray-head": "head", "mmpipe-ray-worker": "worker"}
    assert budgets["mmpipe-ray-head"]["maxUnavailable"] == 0


def test_jobs_end_with_their_clusters_and_run_modules_that_exist() -> None:
    from importlib.util import find_spec

    for job in kind("RayJob"):
        spec = job["spec"]
        assert spec["shutdownAfterJobFinishes"] is True
        assert spec["activeDeadlineSeconds"] <= 86_400
        words = shlex.split(spec["entrypoint"])
        words = shlex.split(words[2].removeprefix("exec ")) if words[0] == "sh" else words
        assert words[:2] == ["python", "-m"]
        assert find_spec(words[2]) is not None


def test_everything_is_in_the_namespace() -> None:
    (namespace,) = kind("Namespace")
    name = namespace["metadata"]["name"]
    assert {d["metadata"].get("namespace", name) for d in DOCUMENTS} == {name}
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
