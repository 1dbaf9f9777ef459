"""Exponential smoothing of a daily series, by ``statsmodels``: the one import of it."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEASON = 7
# Below this the seven seasonal figures are not told from noise.
LEAST_DAYS = 28


def is_installed() -> bool:
    """Whether :func:`smoothed` can be called: ``statsmodels`` comes with ``mmpipe[train]``."""
    return importlib.util.find_spec("statsmodels") is not None


def smoothed(series: Floats, ahead: int) -> Floats:
    """The ``ahead`` days after a daily series of at least :data:`LEAST_DAYS`: additive error, damped additive
    trend, additive weekly season (ETS(A,Ad,A); Hyndman et al., *Forecasting with Exponential Smoothing*,
    2008), fitted by least squares. Nothing is below 0.

    Raises ``ValueError`` for a shorter series, or one that is not finite.
    """
    from statsmodels.tools.sm_exceptions import ConvergenceWarning
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    if len(series) < LEAST_DAYS or not np.isfinite(series).all():
        raise ValueError(f"a series of {LEAST_DAYS} or more finite days is needed")
    if not np.ptp(series):
        # Of a constant nothing is to be fitted.
        return np.full(ahead, max(float(series[0]), 0.0))
    model: Any = ExponentialSmoothing(
        series, trend="add", damped_trend=True, seasonal="add", seasonal_periods=SEASON
    )
    with warnings.catch_warnings():
        # A fit that stopped early is judged like any other: by its error on weeks it did not see.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found: Floats = np.asarray(model.fit().forecast(ahead), np.float64)
    return np.clip(np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0), 0.0, None)
