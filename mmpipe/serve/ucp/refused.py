"""What an agent is answered where it gets no products: errors of the protocol, by code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mmpipe.errors import InvalidRequest
from mmpipe.serve.ucp.names import VERSION

if TYPE_CHECKING:
    from mmpipe.schemas.problem import Problem

INVALID_PARAMS: Final = -32602
DISCOVERY: Final = -32001
UNAVAILABLE: Final = -32000
# Nothing that is sent to the same place instead would be answered.
_FOR_GOOD: Final = (404, 405, 422)


class Refused(InvalidRequest):
    """A request that is not carried out: ``code`` is the protocol's word for it, ``status`` and ``rpc`` how
    HTTP and JSON-RPC say it, ``path`` the place in the body, as JSONPath."""

    def __init__(
        self,
        code: str,
        content: str,
        *,
        status: int = 400,
        rpc: int = INVALID_PARAMS,
        path: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(path or "request", content)
        self.code = code
        self.content = content
        self.status = status
        self.rpc = rpc
        self.path = path
        self.retry_after = retry_after

    def again(self) -> Refused:
        """The same, to be raised anew: an error that is raised again keeps what every caller had in hand."""
        return Refused(
            self.code,
            self.content,
            status=self.status,
            rpc=self.rpc,
            path=self.path,
            retry_after=self.retry_after,
        )

    def body(self) -> dict[str, Any]:
        """The answer: the protocol's short form, and its envelope with the same as a message."""
        severity = "unrecoverable" if self.status in _FOR_GOOD else "recoverable"
        return {
            "ucp": {"version": VERSION, "status": "error"},
            "code": self.code,
            "content": self.content,
            "messages": [error(self.code, self.content, severity=severity, path=self.path)],
        }


def of_problem(problem: Problem) -> Refused:
    """What a problem document says, as the protocol does."""
    code = problem.type.rpartition(":")[2].replace("-", "_")
    code = "unavailable" if problem.status == 503 else code
    return Refused(code, problem.detail, status=problem.status, path=path_of(problem.field))


def path_of(field: str | None) -> str | None:
    """A field's name as JSONPath: ``ids.0`` is ``$.ids[0]``. None for what is no member of a body."""
    if not field or field in ("body", "request", "caller") or not field[0].islower():
        return None
    path = "$"
    for part in field.split("."):
        path += f"[{part}]" if part.isdecimal() else f".{part}" if part.isidentifier() else ""
    return path


def error(
    code: str, content: str, *, severity: str = "recoverable", path: str | None = None
) -> dict[str, Any]:
    """A message of type error."""
    message = {"type": "error", "code": code, "content": content, "severity": severity}
    return message if path is None else {**message, "path": path}


def info(code: str, content: str, path: str | None = None) -> dict[str, Any]:
    """A message of type info."""
    message = {"type": "info", "code": code, "content": content}
    return message if path is None else {**message, "path": path}
