"""Whether mmpipe works here as it is set, and what to do where it does not: ``mmpipe doctor``.

:func:`examine` looks at the installation, the machine, the models and, where settings name buckets or queues,
at AWS. It changes nothing but what a first import keeps (compiled kernels).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mmpipe.doctor import cloud, installation, machine, models, ray_start
from mmpipe.doctor.finding import Check, Finding, State

if TYPE_CHECKING:
    from mmpipe.settings import Settings

__all__ = ["CHECKS", "Finding", "State", "examine"]

CHECKS: Final[tuple[Check, ...]] = (
    installation.python,
    installation.packages,
    machine.disks,
    machine.shared_memory,
    machine.open_files,
    machine.ports,
    cloud.credentials,
    cloud.buckets,
    cloud.queues,
    models.codecs,
    models.speech,
    models.encoders,
    installation.kernels,
)


def examine(settings: Settings, *, ray: bool = False) -> Iterator[Finding]:
    """Every finding, as it is made; with ``ray`` also whether that starts. A check that fails itself is
    ``broken``, and the others go on."""
    for check in (*CHECKS, *((ray_start.ray_starts,) if ray else ())):
        try:
            yield from check(settings)
        except Exception as error:  # noqa: BLE001  whoever asks why nothing works is told, by all the others too
            yield Finding(
                check.__name__.replace("_", " "),
                "broken",
                f"could not be looked at: {type(error).__name__}: {str(error)[:300]}",
                "read what it says; where it is no fault of this machine, tell us",
            )
