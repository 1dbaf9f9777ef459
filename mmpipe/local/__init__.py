"""The whole system on one machine: object store, queue, event pump, Ray, Serve.

:class:`Stack` starts moto's S3 and SQS, the event pump in the place of Lambda's, Ray and both Serve
applications, and ends them all, however it ends itself; :func:`read_state` tells other commands where a
running stack is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.lazily import names_of

if TYPE_CHECKING:
    from mmpipe.local.stack import Stack
    from mmpipe.local.state import StackState, read_state

__all__ = ["Stack", "StackState", "read_state"]

_HOMES = {"Stack": "stack", "StackState": "state", "read_state": "state"}

if not TYPE_CHECKING:
    __getattr__, __dir__ = names_of(__name__, _HOMES)
