"""The whole system on one machine: object store, queue, event pump, Ray, Serve."""

from mmpipe.local.stack import Stack
from mmpipe.local.state import StackState, read_state

__all__ = ["Stack", "StackState", "read_state"]
