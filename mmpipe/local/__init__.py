"""The whole system on one machine: object store, queue, event pump, Ray, Serve.

:class:`Stack` starts moto's S3 and SQS, the event pump in the place of Lambda's, Ray and both Serve
applications, and ends them all, however it ends itself; :func:`read_state` tells other commands where a
running stack is.
"""

from mmpipe.local.stack import Stack
from mmpipe.local.state import StackState, read_state

__all__ = ["Stack", "StackState", "read_state"]
