"""``python -m training.reviews``: train the classifier of what reviews say; ``--measure`` alone measures."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from mmpipe.opinions.classifier import WEIGHTS
from training.reviews.measure import table
from training.reviews.train import store, train


def main() -> None:
    """Train and write the weights, unless only measured; print the figures."""
    if "--measure" not in sys.argv[1:]:
        store(*train(), Path(str(files("mmpipe.opinions").joinpath(WEIGHTS))))
    sys.stdout.write(table())


if __name__ == "__main__":
    main()
