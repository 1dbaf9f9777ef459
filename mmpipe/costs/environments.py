"""What the two Terraform environments always run, as ``infra/envs`` says; a test compares the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """The parts of one environment that cost by the hour whether anybody searches or not."""

    name: str
    zones: int
    nat_gateways: int
    interface_endpoints: int
    waf: bool
    budget_usd: float


ENVIRONMENTS: Mapping[str, Environment] = {
    "dev": Environment("dev", zones=2, nat_gateways=1, interface_endpoints=0, waf=False, budget_usd=250),
    "prod": Environment("prod", zones=3, nat_gateways=3, interface_endpoints=3, waf=True, budget_usd=1500),
}

HOURS = 730.0  # a month, as AWS's own calculator counts
HEAD_TYPE = "m7i.large"  # ray_cluster.yaml
HEAD_VOLUME_GB = 60  # infra/modules/ray
WORKER_VOLUME_GB = 120
KMS_KEYS = 1
SECRETS = 4
ALARM_METRICS = 18  # metrics that the alarms of infra/modules/observability watch; each is billed
WAF_RULES = 2
WAF_RATE_LIMIT = 30_000  # requests of one address
WAF_WINDOW_SECONDS = 300
LAMBDA_MEMORY_GB = 0.25
BATCHING_WINDOW_SECONDS = 1.0
