"""What a deployment like this one costs a month: the sizing model of :mod:`mmpipe.costs`, asked with what the
service has and has seen. Nothing is asked of AWS, and no bill is read."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from mmpipe.costs import MAX_PRODUCTS, MAX_QPS, PROFILES, Workload, estimate, load_prices
from mmpipe.errors import InvalidRequest
from mmpipe.objects import scheme_of, to_uri
from mmpipe.schemas.status import Cost, CostLine, CostNote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmpipe.costs import PriceList
    from mmpipe.schemas.collections import ServedCollection
    from mmpipe.schemas.status import Replicas
    from mmpipe.settings import Settings

REGION: Final = "us-east-1"
_ENVIRONMENT: Final = "prod"
# The deployment that answers searches, as `ray.deployments` names it.
_API: Final = "Api"


def reckoned(
    settings: Settings,
    served: Sequence[ServedCollection],
    per_second: float,
    replicas: Sequence[Replicas] | None,
) -> Cost | None:
    """The estimate for all that is ``served``; ``per_second`` are searches of one replica. None where nothing
    is served, and where no listed machine would hold it."""
    products = min(sum(each.rows for each in served), MAX_PRODUCTS)
    if products == 0:
        return None
    running = max([each.running for each in replicas or () if each.name == _API] or [1])
    profile = max(served, key=lambda each: each.rows).profile
    load = Workload(
        products=products,
        qps=min(round(per_second * running, 3), MAX_QPS),
        replicas=max(1, running),
        profile=profile if profile in PROFILES else next(iter(PROFILES)),
        environment=_ENVIRONMENT,
    )
    prices = _prices()
    try:
        found = estimate(load, prices)
    except InvalidRequest:
        return None
    return Cost(
        here=_here(settings),
        usd=round(found.usd, 2),
        spot_usd=round(found.spot_usd, 2),
        lines=[
            CostLine(item=each.item, detail=each.detail, values=dict(each.of.values), usd=round(each.usd, 2))
            for each in found.lines
        ],
        products=load.products,
        searches_per_second=load.qps,
        changes_per_day=load.changes_per_day,
        replicas=found.plan.replicas,
        profile=load.profile,
        environment=load.environment,
        region=prices.region,
        prices_as_of=prices.as_of,
        warnings=[
            CostNote(note=each.key, detail=str(each), values=dict(each.values))
            for each in found.plan.warnings
        ],
    )


@cache
def _prices() -> PriceList:
    return load_prices(REGION)


def _here(settings: Settings) -> bool:
    """Whether the lake is on this machine: in a folder, or in an emulator's store."""
    return scheme_of(to_uri(settings.lake.uri)) != "s3" or settings.storage.endpoint_url is not None
