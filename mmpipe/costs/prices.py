"""The price list: data with a date, a region, and the page each number stands on. Nothing is fetched."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mmpipe.errors import InvalidRequest

Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_REQUIRED = frozenset(
    {
        *("ebs_gp3_gb_month", "s3_gb_month", "s3_put_1000", "s3_get_1000", "sqs_million"),
        *("lambda_request_million", "lambda_gb_second_arm", "alb_hour", "alb_lcu_hour"),
        *("nat_hour", "nat_gb", "ipv4_hour", "endpoint_hour", "kms_key_month", "kms_10000"),
        *("secret_month", "alarm_metric_month", "metric_month", "dashboard_month", "logs_gb"),
        *("ecr_gb_month", "zone_gb", "waf_acl_month", "waf_rule_month", "waf_million"),
    }
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Part):
    """One price in USD per ``unit``; ``source`` is the title of the page it stands on."""

    usd: Usd
    unit: str
    source: str


class Instance(_Part):
    """One EC2 type, on demand, Linux; ``hour`` in USD."""

    vcpu: int = Field(gt=0)
    memory_gib: float = Field(gt=0, allow_inf_nan=False)
    gpus: int = Field(ge=0)
    hour: Usd


class Tier(_Part):
    """Traffic to the internet up to a month's total; the last tier has no end."""

    up_to_gb: float | None = Field(gt=0)
    usd: Usd


class Spot(_Part):
    """Spot prices as fractions of on-demand: a range, and the one that sums are made with."""

    low: float = Field(gt=0, le=1)
    high: float = Field(gt=0, le=1)
    used: float = Field(gt=0, le=1)
    source: str

    @model_validator(mode="after")
    def _in_order(self) -> Spot:
        if not self.low <= self.used <= self.high:
            raise ValueError("low, used and high must be in that order")
        return self


class PriceList(_Part):
    """Public prices of one region at one time."""

    as_of: str = Field(pattern=r"^20\d\d-\d\d$", description="year and month of the list")
    note: str
    region: str
    instances: dict[str, Instance] = Field(min_length=1)
    instances_source: str
    prices: dict[str, Price]
    egress: list[Tier] = Field(min_length=1)
    egress_source: str
    spot: Spot

    @model_validator(mode="after")
    def _complete(self) -> PriceList:
        missing = sorted(_REQUIRED - self.prices.keys())
        if missing:
            raise ValueError(f"prices must also name {', '.join(missing)}")
        ends = [tier.up_to_gb for tier in self.egress]
        if ends[-1] is not None or None in ends[:-1]:
            raise ValueError("the last egress tier, and no other, has up_to_gb null")
        bounds = [end for end in ends if end is not None]
        if bounds != sorted(set(bounds)):
            raise ValueError("egress tiers must grow")
        return self

    def usd(self, name: str) -> float:
        """One price by name."""
        return self.prices[name].usd

    def egress_usd(self, gb: float) -> float:
        """A month's traffic to the internet, tier by tier."""
        total = below = 0.0
        for tier in self.egress:
            end = tier.up_to_gb if tier.up_to_gb is not None else float("inf")
            total += max(0.0, min(gb, end) - below) * tier.usd
            below = end
        return total


def load_prices(region: str, file: Path | None = None) -> PriceList:
    """The list for ``region``: the one that comes with mmpipe, or ``file`` in the same form.

    Raises :class:`InvalidRequest` where the file is no price list, or the list is of another region.
    """
    if file is None:
        found = PriceList.model_validate(_parse("prices", _shipped()))
    else:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest("prices", f"{file} cannot be read: {error}") from error
        try:
            found = PriceList.model_validate(_parse("prices", text))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise InvalidRequest("prices", f"{file}: {where}: {first['msg']}") from error
    if found.region != region:
        raise InvalidRequest(
            "region",
            f"the price list is of {found.region}, not of {region!r}; copy mmpipe/costs/prices.json, put that"
            " region's prices in, and pass it with --prices",
        )
    return found


def _shipped() -> str:
    return files("mmpipe.costs").joinpath("prices.json").read_text(encoding="utf-8")


def _parse(field: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(field, f"not JSON: {error}") from error
