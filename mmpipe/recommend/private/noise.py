"""Noise for whole numbers, drawn exactly from a secure source.

The discrete Laplace (two-sided geometric) distribution gives z the probability (1 − a)/(1 + a) · a^|z| with a
= e^(−1/scale). Added to counts that one shopper changes by at most Δ in all, with scale Δ/ε, it makes any
output at most e^ε times as likely with the shopper as without (Ghosh, Roughgarden and Sundararajan,
*Universally utility-maximizing privacy mechanisms*, 2012).

Continuous Laplace noise from floating-point logarithms does not: which doubles it can reach depends on the
count, and so gives it away (Mironov, *On significance of the least significant bits for differential
privacy*, CCS 2012). So everything here is integers: the sampler is Canonne, Kamath and Steinke's (*The
discrete Gaussian for differential privacy*, 2020, algorithms 1 and 2), which flips coins of rational
probability only. OpenDP has the same mechanism in 47 MB of compiled code, whose source of randomness cannot
be handed in, as the tests of the guarantee need; forty lines of whole numbers take its place.

How long a draw takes depends on the noise; whoever can time releases to the microsecond is outside the
guarantee.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from fractions import Fraction

RandBelow = Callable[[int], int]
"""Gives a uniform whole number from 0 to below its argument."""


def discrete_laplace(scale: Fraction, randbelow: RandBelow = secrets.randbelow) -> int:
    """One draw, exact for a rational ``scale``. Raises ``ValueError`` unless it is positive."""
    if scale <= 0:
        raise ValueError("the scale of noise is positive")
    numerator, denominator = scale.numerator, scale.denominator
    while True:
        part = randbelow(numerator)
        if not _flip(part, numerator, randbelow):
            continue
        whole = 0
        while _flip(1, 1, randbelow):
            whole += 1
        size = (part + numerator * whole) // denominator
        negative = randbelow(2) == 1
        if negative and size == 0:
            continue
        return -size if negative else size


def probability(value: int, scale: Fraction) -> float:
    """Of a draw being ``value``."""
    a = math.exp(-1 / float(scale))
    return (1 - a) / (1 + a) * math.exp(-abs(value) / float(scale))


def reaches(least: int, scale: Fraction) -> float:
    """The probability of a draw being ``least`` (1 or more) or greater: a^least / (1 + a)."""
    if least < 1:
        raise ValueError("least is 1 or more")
    return math.exp(-least / float(scale)) / (1 + math.exp(-1 / float(scale)))


def _flip(numerator: int, denominator: int, randbelow: RandBelow) -> bool:
    """True with probability e^(−numerator/denominator), of a fraction from 0 to 1."""
    turn = 1
    while randbelow(denominator * turn) < numerator:
        turn += 1
    return turn % 2 == 1
