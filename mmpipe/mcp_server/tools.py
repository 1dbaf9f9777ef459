"""The tools: what each is for, who may call it, and what it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from mmpipe.errors import InvalidRequest
from mmpipe.mcp_server import answers, arguments, explaining
from mmpipe.mcp_server.access import ADMIN, SEARCH, Caller, Scope
from mmpipe.mcp_server.recording import on_record
from mmpipe.schemas.recommend import RecommendationsRequest
from mmpipe.schemas.search import SearchRequest

if TYPE_CHECKING:
    from mmpipe.lake.audit import AuditLog
    from mmpipe.mcp_server.pictures import Pictures
    from mmpipe.mcp_server.shop import Shop
    from mmpipe.mcp_server.uploads import Uploads

A = TypeVar("A", bound=BaseModel)
# Of one field, in the answer to a search.
_FACET_VALUES = 10


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """One tool. ``call`` raises :class:`MmpipeError`."""

    name: str
    title: str
    description: str
    takes: type[A]
    scope: Scope
    call: Callable[[A, Caller], Awaitable[dict[str, Any]]]

    def schema(self, *, pictures: bool) -> dict[str, Any]:
        """The JSON schema of its arguments; without files of pictures nothing names them."""
        found: dict[str, Any] = plain(self.takes.model_json_schema())
        del found["description"]
        if not pictures:
            found["properties"].pop("image_path", None)
        return found


class Tools:
    """What can be asked of the shop that ``shop`` gives, as soon as it is open, and of ``uploads`` and
    ``pictures`` where they are given; calls with the scope ``admin`` are on record in the ``audit`` log."""

    def __init__(
        self,
        shop: Callable[[], Awaitable[Shop]],
        uploads: Uploads | None = None,
        pictures: Pictures | None = None,
        audit: Callable[[], AuditLog] | None = None,
    ) -> None:
        self._shop = shop
        self._audit = audit
        self._pictures = pictures
        listed: list[Tool[Any]] = [*self._of_catalogue(), *([] if uploads is None else _of_uploads(uploads))]
        self._tools = {tool.name: tool for tool in listed}
        self._schemas = {tool.name: tool.schema(pictures=pictures is not None) for tool in listed}

    def listed(self, caller: Caller) -> list[Tool[Any]]:
        """Those that the caller may use."""
        return [tool for tool in self.all() if caller.may(tool.scope)]

    def all(self) -> list[Tool[Any]]:
        """Whoever may use them."""
        return list(self._tools.values())

    def schema(self, name: str) -> dict[str, Any] | None:
        """What a tool takes; None for an unknown one."""
        return self._schemas.get(name)

    async def call(self, name: str, given: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """A tool's answer, no longer than :data:`answers.MAX_CHARS`.

        Raises ``KeyError`` for an unknown tool, ``InvalidRequest`` for one that is not the caller's and for
        arguments that it does not take, and what it raises.
        """
        tool = self._tools[name]
        if not caller.may(tool.scope):
            raise InvalidRequest("name", f"{name} is for keys with the scope {tool.scope}; this one has none")

        async def answered() -> dict[str, Any]:
            try:
                asked = tool.takes.model_validate(given)
            except ValidationError as error:
                raise _refused(error, self._schemas[name]["properties"]) from None
            return answers.fitted(await tool.call(asked, caller))

        if tool.scope != ADMIN or self._audit is None:
            return await answered()
        return await on_record(self._audit, name, caller, given.get("collection"), answered)

    def _of_catalogue(self) -> list[Tool[Any]]:
        return [
            Tool(
                "search_products",
                "Search products",
                "Find products by words, a picture, products to be like, or any mix; with filters alone it"
                " browses. Gives id, title, price, availability, score and why of each, best first, and the"
                " total. Start here, then get_product for details.",
                arguments.Search,
                SEARCH,
                self._search,
            ),
            Tool(
                "get_product",
                "Get a product",
                "Everything public of one product by its id: description, links, attributes, current price.",
                arguments.Product,
                SEARCH,
                self._product,
            ),
            Tool(
                "similar_products",
                "Similar products",
                "Products that look and read like a given one, nearest first; never its own variants.",
                arguments.Similar,
                SEARCH,
                self._similar,
            ),
            Tool(
                "recommend_products",
                "Recommend products",
                "A list for a shopper, for products in hand, or for everybody, each with why. Where too"
                " little is known, `instead` says what was given.",
                arguments.Recommend,
                SEARCH,
                self._recommend,
            ),
            Tool(
                "explain_ranking",
                "Explain a ranking",
                "Why products stand where they stand in a search: the parts of each score by word, text,"
                " picture, boost and rule. Give the arguments of the search. With product_id: the rank of"
                " that product and of what comes before it, or what keeps it out.",
                arguments.Explain,
                SEARCH,
                self._explain,
            ),
            Tool(
                "list_collections",
                "List collections",
                "The catalogues that can be searched, with how many products each has.",
                arguments.Nothing,
                SEARCH,
                self._collections,
            ),
        ]

    async def _search(self, asked: arguments.Search, caller: Caller) -> dict[str, Any]:
        if asked.offset + asked.limit > arguments.MAX_SEEN:
            raise InvalidRequest(
                "offset", f"with limit goes to {arguments.MAX_SEEN} at most; narrow the search instead"
            )
        facets = [{"field": field, "limit": _FACET_VALUES} for field in asked.facets or ()]
        more = {"limit": asked.offset + asked.limit, "fields": asked.fields or [], "facets": facets}
        request = await self._request(asked, caller, more)
        return answers.searched(await (await self._shop()).search(request), asked.offset)

    async def _product(self, asked: arguments.Product, caller: Caller) -> dict[str, Any]:
        found = await (await self._shop()).product(asked.product_id, caller.collection(asked.collection))
        return answers.whole(found, full=asked.full)

    async def _similar(self, asked: arguments.Similar, caller: Caller) -> dict[str, Any]:
        collection = caller.collection(asked.collection)
        found = await (await self._shop()).similar(asked.product_id, collection, asked.limit, asked.filters())
        return answers.searched(found)

    async def _recommend(self, asked: arguments.Recommend, caller: Caller) -> dict[str, Any]:
        names = ("kind", "product_ids", "user_id", "session_id", "limit", "filter")
        found = await (await self._shop()).recommend(
            _valid(
                RecommendationsRequest,
                {name: getattr(asked, name) for name in names}
                | {"collection": caller.collection(asked.collection), "filters": asked.filters()},
            )
        )
        return answers.recommended(found.lists[0], found.collection)

    async def _explain(self, asked: arguments.Explain, caller: Caller) -> dict[str, Any]:
        request = await self._request(asked, caller, {})
        if asked.product_id is None:
            return await explaining.first_ones(await self._shop(), request, asked.limit)
        return await explaining.one(await self._shop(), request, asked.product_id)

    async def _collections(self, _: arguments.Nothing, caller: Caller) -> dict[str, Any]:
        found = (await (await self._shop()).collections()).collections
        return {
            "collections": [
                {"name": each.collection, "products": each.rows, "models": each.profile}
                for each in found
                if caller.sees(each.collection)
            ]
        }

    async def _request(self, asked: arguments.Query, caller: Caller, more: dict[str, Any]) -> SearchRequest:
        picture = await self._picture(asked)
        if asked.image_crop is not None and picture is None:
            raise InvalidRequest("image_crop", "is a box of a picture: give image as well")
        return _valid(
            SearchRequest,
            {
                "collection": caller.collection(asked.collection),
                "text": asked.text,
                "image": None if picture is None else {"data": picture, "crop": asked.image_crop},
                "like": asked.like or [],
                "not": None if asked.not_text is None else {"text": asked.not_text},
                "sort": asked.sort,
                "filters": asked.filters(),
                "filter": asked.filter,
                **more,
            },
        )

    async def _picture(self, asked: arguments.Query) -> str | None:
        if asked.image_path is None:
            return asked.image
        if asked.image is not None:
            raise InvalidRequest("image_path", "is given beside image; give one of them")
        if self._pictures is None:
            raise InvalidRequest("image_path", "no files are looked at here; send base64 in image")
        return await asyncio.to_thread(self._pictures.read, asked.image_path)


def _of_uploads(uploads: Uploads) -> list[Tool[Any]]:
    async def rejects(asked: arguments.Rejects, caller: Caller) -> dict[str, Any]:
        return {"note": answers.UPLOADS, **await uploads.rejects(asked, caller)}

    async def status(asked: arguments.Status, caller: Caller) -> dict[str, Any]:
        return {"note": answers.UPLOADS, **await uploads.status(asked, caller)}

    return [
        Tool(
            "list_rejects",
            "List rejects",
            "Rows and media of uploads that could not be used, newest first, each with its reason and what to"
            " do. To mend one, upload its row anew, or run `mmpipe rejects replay ID`.",
            arguments.Rejects,
            ADMIN,
            rejects,
        ),
        Tool(
            "status",
            "Status",
            "How the shop's pipeline is: per collection what is live, how many rejects, and the last uploads"
            " with counts and errors; where there is a queue, what waits in it and what failed for good.",
            arguments.Status,
            ADMIN,
            status,
        ),
    ]


_UNREAD = frozenset({"title", "maxLength", "minLength", "maxItems", "minItems", "maxProperties"})
R = TypeVar("R", SearchRequest, RecommendationsRequest)


def _valid(model: type[R], given: dict[str, Any]) -> R:
    """A request of arguments that are valid one by one. Raises ``InvalidRequest`` where they are not
    together."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _refused(error, ()) from None


def _refused(error: ValidationError, known: Iterable[str]) -> InvalidRequest:
    """The first fault, with its remedy; ``known`` are the arguments that there are."""
    faults = error.errors(include_url=False, include_input=False)
    fault = faults[0]
    place = ".".join(str(part)[:100] for part in fault["loc"]) or "arguments"
    reason = {
        "extra_forbidden": f"unknown argument; there are {', '.join(known) or 'none'}",
        "missing": "is missing; give it",
    }.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InvalidRequest(place.replace("image.crop", "image_crop"), f"{reason}{more}")


def plain(schema: Any) -> Any:
    """A JSON schema without what a model reads for nothing: titles, null beside the type of what may be left
    out, and lengths, which are told to whom they concern."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: value for name, value in schema.items() if name not in _UNREAD or isinstance(value, dict)}
    if "default" in kept and kept["default"] in (None, False, 0):
        del kept["default"]
    either = [each for each in kept.get("anyOf", []) if each != {"type": "null"}]
    if len(either) == 1:
        del kept["anyOf"]
        kept = plain(either[0]) | kept
    return {name: plain(value) for name, value in kept.items()}
