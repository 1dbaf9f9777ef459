"""One operation of the protocol, from bytes to an answer, for both transports: who asks, what was agreed, the
body, the catalogue; and every fault as the protocol says it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import BaseModel

from mmpipe.errors import InvalidMedia, InvalidRequest, MmpipeError, NotFound, RequestTooLarge
from mmpipe.serve.answer import tenancy
from mmpipe.serve.http.bounds import Bounds, check
from mmpipe.serve.http.errors import (
    InvalidFields,
    MalformedRequest,
    UnsupportedMediaType,
    answer_for,
    problem_of,
    problem_of_fields,
)  # fmt: skip
from mmpipe.serve.http.requests import aside, parse_json
from mmpipe.serve.ucp.agents import AgentProfiles
from mmpipe.serve.ucp.catalogue import Catalogue
from mmpipe.serve.ucp.refused import DISCOVERY, UNAVAILABLE, Refused, path_of
from mmpipe.serve.ucp.requests import GetProduct, LookupCatalog, SearchCatalog
from mmpipe.serve.ucp.terms import Terms

if TYPE_CHECKING:
    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.ucp.terms import Agent
    from mmpipe.settings import UcpSettings

# A picture is the one long text; what else a body holds is little.
BOUNDS: Final = Bounds(names=1_000, values=6_000, media=1)
_INTERNAL: Final = -32603
_CURSOR_PATH: Final = "$.pagination.cursor"
_CURSOR: Final = (
    "is no cursor of this search; send pagination.cursor of the answer before with the same query, filters"
    " and image, or leave it out for the first page"
)
Operation: TypeAlias = Callable[[Any, Terms, str | None], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Door:
    """What a transport offers: an operation by its tool's name and by its path below the endpoint."""

    tool: str
    path: str
    body: type[BaseModel]
    summary: str
    description: str


DOORS: Final = (
    Door(
        "search_catalog",
        "/catalog/search",
        SearchCatalog,
        "Find products",
        "Find products by words, filters, a picture, or any mix of them. Each product has its variants, the"
        " best match first. For the next page send the same request with pagination.cursor.",
    ),
    Door(
        "lookup_catalog",
        "/catalog/lookup",
        LookupCatalog,
        "Products by their ids",
        "Products or variants by id, SKU, MPN or barcode, up to 50. Each variant says in `inputs` which of"
        " the ids led to it.",
    ),
    Door(
        "get_product",
        "/catalog/product",
        GetProduct,
        "One product in detail",
        "One product with the variants that have what is selected, and of every option's value whether it is"
        " there and can be bought with that.",
    ),
)


class UcpAnswers:
    """Answers of one replica."""

    def __init__(self, service: QueryService, *, open_media: bool = False) -> None:
        self.settings = service.settings.ucp
        self._catalogue = Catalogue(service, self.settings, open_media=open_media)
        hosts = self.settings.agent_hosts
        self._profiles = AgentProfiles(hosts) if hosts else None

    def close(self) -> None:
        """End the threads."""
        if self._profiles is not None:
            self._profiles.close()

    async def terms(self, agent: Agent, namespace: str | None) -> Terms:
        """What is agreed with an agent. Raises :class:`Refused`."""
        if agent.profile is None:
            if self.settings.require_agent:
                raise Refused(
                    "invalid_profile_url",
                    'says nothing of the agent that asks; send UCP-Agent: profile="https://host/path"',
                    rpc=DISCOVERY,
                )
            return Terms(namespace)
        if self._profiles is None:
            return Terms(namespace)
        return Terms.between(await self._profiles.get(agent.profile), namespace)

    async def answer(self, door: Door, body: bytes, terms: Terms, language: str | None) -> dict[str, Any]:
        """The answer to a body. Raises :class:`Refused` for whatever is the caller's, or passes."""
        operations: dict[str, Operation] = {
            "search_catalog": self._catalogue.search,
            "lookup_catalog": self._catalogue.lookup,
            "get_product": self._catalogue.product,
        }
        try:
            asked = await aside(len(body), _parsed, door.body, body)
            return await operations[door.tool](asked, terms, language)
        except MmpipeError as fault:
            raise refused(fault) from fault


def let_in(settings: UcpSettings) -> Callable[[], Awaitable[None]]:
    """A dependency of doors that are open to everybody: whoever comes has the agents' collection, or the
    lake's only one."""
    collections = None if settings.collection is None else frozenset({settings.collection})
    grant = tenancy.Grant("", frozenset({"agent"}), collections)

    async def admit() -> None:
        tenancy.let_in(grant)

    return admit


def _parsed(model: type[BaseModel], body: bytes) -> BaseModel:
    check(body, BOUNDS)
    return parse_json(model, body)


def refused(fault: MmpipeError) -> Refused:
    """A fault as the protocol says it. Those that are ours are logged."""
    if isinstance(fault, Refused):
        return fault
    if isinstance(fault, InvalidFields):
        problem = problem_of_fields(fault.entries)
        code = "malformed_request" if problem.status == 400 else "invalid_request"
        return Refused(code, problem.detail, path=path_of(problem.field))
    if isinstance(fault, RequestTooLarge):
        return Refused("request_too_large", str(fault), status=413)
    if isinstance(fault, UnsupportedMediaType):
        return Refused("unsupported_media_type", str(fault), status=415)
    if isinstance(fault, MalformedRequest):
        return Refused("malformed_request", str(fault))
    if isinstance(fault, InvalidMedia):
        return Refused("invalid_image", str(fault), path=path_of(fault.field))
    if isinstance(fault, InvalidRequest):
        if fault.field == "cursor":
            return Refused("invalid_cursor", f"cursor: {_CURSOR}", path=_CURSOR_PATH)
        return Refused("invalid_request", str(fault), path=path_of(fault.field))
    status = int(answer_for(fault).status)
    if isinstance(fault, NotFound) and status == 404:
        return Refused("not_found", str(fault), status=404)
    problem, headers = problem_of(fault)
    after = int(headers["Retry-After"]) if "Retry-After" in headers else None
    passing = status == 503
    return Refused(
        "unavailable" if passing else "internal_error",
        problem.detail,
        status=status,
        rpc=UNAVAILABLE if passing else _INTERNAL,
        retry_after=after,
    )
