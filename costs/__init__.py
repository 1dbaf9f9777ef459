"""What a deployment costs a month: a sizing model from measured figures, times dated public prices."""

from costs.environments import ENVIRONMENTS
from costs.estimate import Estimate, Line, estimate
from costs.figures import PROFILES
from costs.prices import PriceList, load_prices
from costs.report import document, figures, number, shape, to_json
from costs.sizing import Plan, plan
from costs.workload import Workload

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
