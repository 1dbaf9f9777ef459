"""``infra/envs/dev``, applied; and a Ray with the query service where the account's VPC would have one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmpipe.dispatch.environment import to_environment
from mmpipe.local.processes import MARKER, Child, sweep
from mmpipe.serve.http.key_entries import new_key
from mmpipe.serve.ray import haproxy
from mmpipe.serve.ray.run import environment as serve_environment
from mmpipe.serve.ray.run import free_port
from mmpipe.settings import IndexingSettings, LakeSettings, ServeSettings, Settings, StorageSettings
from tests.infra.account import REGION, Account, inventory, running_account
from tests.infra.lambda_process import LambdaProcess, built, host_architecture, unpack
from tests.infra.terraform import TerraformFailed, Workspace

APPLY_SECONDS = 600
RAY_START_SECONDS = 240.0
RAY_STOP_SECONDS = 30.0

# What a user gives, and what moto needs: it ignores the conditions of policies, so that "deny plain HTTP"
# would deny everything, and it has no GPU image to look up.
API_KEY, _API_KEY = new_key("default", ["search", "interactions"], ["*"])
VARIABLES = {
    "api_keys": json.dumps({"default": _API_KEY.model_dump(mode="json", exclude_none=True)}),
    "region": REGION,
    "profile": "fake",
    "ingress_cidrs": '["203.0.113.7/32"]',
    "alarm_emails": '["ops@example.com"]',
    "schedule_retrain": "cron(30 4 ? * SUN *)",
    "retrain_catalogue": "s3://a-bucket/shop/feeds/products.jsonl",
    "lambda_architecture": host_architecture(),
    "deny_insecure_transport": "false",
    "deny_other_encryption": "false",
    "worker_ami_id": "ami-0123456789abcdef0",
}


@dataclass
class Deployment:
    """An applied environment and the account it is in."""

    account: Account
    workspace: Workspace
    before: dict[str, set[str]]
    outputs: dict[str, Any]
    seconds: float
    task: Path
    """The handlers' zip, unpacked."""
    folder: Path
    _secrets: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return self.account.client(service)

    def secret(self, output: str) -> str:
        """The text of the secret whose ARN is that output; Terraform made it and never knew it."""
        if output not in self._secrets:
            answer = self.client("secretsmanager").get_secret_value(SecretId=self.outputs[output])
            self._secrets[output] = answer["SecretString"]
        return self._secrets[output]

    def function(self, name: str) -> dict[str, Any]:
        """A function's configuration as the account holds it."""
        found: dict[str, Any] = self.client("lambda").get_function_configuration(FunctionName=name)
        return found

    @contextmanager
    def lambda_process(self, name: str, **addresses: str) -> Iterator[LambdaProcess]:
        """The function ``name``: its handler, environment and zip, and what Lambda's runtime would add.

        ``addresses`` replace variables that hold an address inside the VPC, where nobody listens here.
        """
        configuration = self.function(name)
        variables = configuration["Environment"]["Variables"]
        assert set(addresses) <= set(variables), "only what Terraform has set can be replaced"
        runtime = {**self.account.environment, "AWS_LAMBDA_FUNCTION_NAME": name}
        log = self.folder / f"{name}-{time.monotonic_ns()}.log"
        environment = {**runtime, **variables, **addresses}
        with LambdaProcess(self.task, configuration["Handler"], environment, log) as process:
            yield process


@contextmanager
def deployment(folder: Path) -> Iterator[Deployment]:
    """Build the zips, apply ``envs/dev`` into an account of its own; nothing of it is left at the end."""
    handlers = built(host_architecture())
    with running_account(folder) as account:
        variables = {f"TF_VAR_{name}": value for name, value in VARIABLES.items()}
        environment = {**account.environment, **variables}
        environment["TF_VAR_lambda_zip_path"] = handlers["path"]
        workspace = Workspace.of(folder, "envs/dev", env=environment)
        workspace.init(local_state=True)
        before = inventory(account)
        begun = time.monotonic()
        try:
            workspace.apply(timeout=APPLY_SECONDS)
        except TerraformFailed as failure:
            failure.add_note(f"The emulator's log ends:\n{account.log_tail()}")
            raise
        seconds = time.monotonic() - begun
        task = unpack(host_architecture(), folder / "task")
        yield Deployment(account, workspace, before, workspace.outputs(), seconds, task, folder)


@dataclass
class Cluster:
    """Addresses of the service and of the Jobs API."""

    url: str
    jobs_url: str
    ray_token: str
    api_key: str

    def search(self, collection: str, text: str) -> list[str]:
        """Ids found, best first; none while the collection is not served yet."""
        body = json.dumps({"collection": collection, "text": text, "limit": 10}).encode()
        try:
            answer = _call(f"{self.url}/v1/search", body, self.api_key)
        except urllib.error.HTTPError as error:
            if error.code in (404, 503):
                return []
            raise
        return [hit["id"] for hit in answer["hits"]]

    def found(self, collection: str, text: str, product: str, seconds: float = 30.0) -> bool:
        """Whether ``product`` is first within ``seconds``: replicas follow what is live by asking."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.search(collection, text)[:1] == [product]:
                return True
            time.sleep(0.1)
        return False

    def job(self, submission_id: str, seconds: float = 120.0) -> dict[str, Any]:
        """A job, once it has ended."""
        deadline = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = _call(f"{self.jobs_url}/api/jobs/{submission_id}", token=self.ray_token)
            if job["status"] not in ("PENDING", "RUNNING") or time.monotonic() > deadline:
                return job
            time.sleep(0.25)

    def job_output(self, submission_id: str) -> str:
        """What a job printed."""
        answer = _call(f"{self.jobs_url}/api/jobs/{submission_id}/logs", token=self.ray_token)
        return str(answer["logs"])


def _call(url: str, body: bytes | None = None, token: str = "") -> Any:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, body, headers), timeout=30) as answer:
        return json.load(answer)


def _reachable(no_proxy: str) -> dict[str, str]:
    """Ray's processes speak to one another by the machine's own address, whatever they were told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(
            ("192.0.2.1", 9)
        )  # chooses the address to send from; a datagram socket sends nothing yet
        own = str(probe.getsockname()[0])
    return dict.fromkeys(("NO_PROXY", "no_proxy"), f"{no_proxy},{own}")


@contextmanager
def cluster(deployed: Deployment) -> Iterator[Cluster]:
    """A real Ray with the real service over the deployed lake, holding the tokens as the head does."""
    stack_id = f"test-deployment-{os.getpid()}"
    # Short, for sockets are in it.
    scratch = Path(tempfile.mkdtemp(prefix="mmpipe-test-"))
    with ExitStack() as running:
        running.callback(shutil.rmtree, scratch, ignore_errors=True)
        running.callback(sweep, stack_id)
        settings = Settings(
            storage=StorageSettings(endpoint_url=deployed.account.url, region=REGION),
            lake=LakeSettings(uri=deployed.outputs["lake_uri"]),
            indexing=IndexingSettings(profile="fake"),
            serve=ServeSettings(port=free_port(), mirror_dir=str(scratch / "mirror"), live_poll_seconds=0.1),
        )
        (scratch / "ray_bootstrap_config.yaml").write_text("{}\n")
        haproxy.install(scratch)
        ray_token = deployed.secret("ray_token_secret_arn")
        api_keys = deployed.secret("api_keys_secret_arn")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MMPIPE_"))},
            # Job entrypoints say "python"; that has to be this one.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            **deployed.account.environment,
            **_reachable(deployed.account.environment["NO_PROXY"]),
            **serve_environment(scratch),
            # Ray's dashboard asks three clouds' metadata services where it is, unless this file says so.
            "HOME": str(scratch),
            **to_environment(settings, ("storage", "indexing", "lake", "serve")),
            "MMPIPE_DISPATCH__TOKEN": deployed.secret("indexer_token_secret_arn"),
            "MMPIPE_SERVE__API_KEYS": api_keys,
            # On a busy machine Ray's own processes find one another late.
            "RAY_gcs_server_request_timeout_seconds": f"{RAY_START_SECONDS:.0f}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": ray_token,
            "OMP_NUM_THREADS": "1",
            MARKER: stack_id,
        }
        log = deployed.folder / "ray.log"
        arguments = [str(scratch), str(free_port()), str(free_port())]
        child = Child("mmpipe.local.ray_host", arguments, environment, log)
        running.callback(child.stop, RAY_STOP_SECONDS)
        ready = child.wait_ready(RAY_START_SECONDS)
        yield Cluster(ready["url"], ready["jobs_url"], ray_token, API_KEY)
