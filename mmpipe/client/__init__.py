"""A service over HTTP, asked from Python: :class:`Client`, and :class:`AsyncClient` for an event loop.

What is asked and answered are the models of :mod:`mmpipe.schemas`, what is wrong the errors of
:mod:`mmpipe.errors`. It needs the extra ``client`` (httpx) and nothing else of mmpipe's.
"""

from __future__ import annotations

from mmpipe.client.asking import Media, SearchOptions
from mmpipe.client.clients import AsyncClient, Client
from mmpipe.client.problems import Answered, Refused, Unreachable
from mmpipe.client.retrying import Retry

__all__ = [
    "Answered",
    "AsyncClient",
    "Client",
    "Media",
    "Refused",
    "Retry",
    "SearchOptions",
    "Unreachable",
]
