"""What a deployment costs a month: a sizing model from measured figures, times dated public prices."""

from mmpipe.cost.environments import ENVIRONMENTS
from mmpipe.cost.estimate import Estimate, Line, estimate
from mmpipe.cost.figures import PROFILES
from mmpipe.cost.prices import PriceList, load_prices
from mmpipe.cost.report import document, figures, number, shape, to_json
from mmpipe.cost.sizing import Plan, plan
from mmpipe.cost.workload import Workload

__all__ = [
    "ENVIRONMENTS",
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
