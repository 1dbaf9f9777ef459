"""What a deployment costs a month: a sizing model from measured figures, times dated public prices."""

from mmpipe.costs.environments import ENVIRONMENTS
from mmpipe.costs.estimate import Estimate, Line, estimate
from mmpipe.costs.figures import PROFILES
from mmpipe.costs.prices import PriceList, load_prices
from mmpipe.costs.report import document, figures, number, shape, to_json
from mmpipe.costs.sizing import Plan, plan
from mmpipe.costs.workload import MAX_PRODUCTS, MAX_QPS, Workload

__all__ = [
    "ENVIRONMENTS",
    "MAX_PRODUCTS",
    "MAX_QPS",
    "PROFILES",
    "Estimate",
    "Line",
    "Plan",
    "PriceList",
    "Workload",
    "document",
    "estimate",
    "figures",
    "load_prices",
    "number",
    "plan",
    "shape",
    "to_json",
]
