"""What went wrong, as whoever asked reads it: a problem document, and below the doors for agents an error of
their protocol. Every error of the application passes here, whoever raised it: a route, a guard, a limit, no
route at all. What is no HTTP, or comes too slowly, is refused before it, by a problem document on any path
(:mod:`mmpipe.serve.http.bounded_protocol`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from mmpipe.schemas.problem import CONTENT_TYPE
from mmpipe.serve.ucp.names import is_for_agents
from mmpipe.serve.ucp.refused import of_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from mmpipe.schemas.problem import Problem


class ProblemResponse(Response):
    """A problem as a response to any path."""

    def __init__(self, problem: Problem, headers: Mapping[str, str]) -> None:
        super().__init__(_bytes(problem.model_dump(exclude_none=True)), problem.status, headers, CONTENT_TYPE)
        self._problem = problem
        self._told = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_for_agents(scope.get("path", "")):
            await super().__call__(scope, receive, send)
            return
        body = _bytes(of_problem(self._problem).body())
        answer = Response(body, self.status_code, self._told, "application/json")
        await answer(scope, receive, send)


def _bytes(document: dict[str, Any]) -> bytes:
    # Bad surrogates of a hostile request may be quoted in the detail; they must not break the answer.
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
