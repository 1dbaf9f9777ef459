"""The whole system on one machine: object store, queue, event pump, Ray, Serve.

:class:`Stack` starts moto's S3 and SQS, the event pump in the place of Lambda's, Ray and both Serve
applications, and ends them all, however it ends itself; :func:`read_state` tells other commands where a
running stack is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmpipe.local.stack import Stack
    from mmpipe.local.state import StackState, read_state

__all__ = ["Stack", "StackState", "read_state"]

_HOMES = {"Stack": "stack", "StackState": "state", "read_state": "state"}

if not TYPE_CHECKING:  # which would take every name for one of these

    def __getattr__(name: str) -> Any:
        # The stack's own processes, the object store first, do not wait for what only their parent needs.
        if name in _HOMES:
            return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
