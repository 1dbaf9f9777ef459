"""The three operations of the protocol's catalogue, over one collection: search, lookup, one product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from mmpipe.errors import InvalidRequest, NotFound
from mmpipe.lexical import identifier
from mmpipe.schemas.recommend import Exclude, Kind, RecommendationsRequest, WantedList
from mmpipe.schemas.search import Facet, SearchRequest
from mmpipe.serve.answer.query_media import ParsedSearch
from mmpipe.serve.ucp.families import Families, Family, usable
from mmpipe.serve.ucp.names import LOOKUP, MEDIA_PATH, SEARCH
from mmpipe.serve.ucp.narrowing import Narrowing
from mmpipe.serve.ucp.options import Options, default_of, purchasable
from mmpipe.serve.ucp.refused import Refused, error, info
from mmpipe.serve.ucp.requests import MAX_IDS, MAX_LIMIT
from mmpipe.serve.ucp.told import Teller, sku_of

if TYPE_CHECKING:
    from mmpipe.schemas.product import PublicProduct
    from mmpipe.serve.answer.service import QueryService
    from mmpipe.serve.answer.source import LiveVersion
    from mmpipe.serve.ucp.names import Extension
    from mmpipe.serve.ucp.requests import GetProduct, LookupCatalog, SearchCatalog
    from mmpipe.serve.ucp.terms import Terms
    from mmpipe.settings import UcpSettings

# Variants of a product that lists tell, and that one product in detail does.
_IN_LISTS: Final = 10
_IN_DETAIL: Final = 100
_KINDS: Final[tuple[Kind, ...]] = ("similar", "complements")
_UNAGREED: Final = "is an extension that your profile does not have in common with this shop's; left out"


class Catalogue:
    """What agents ask of one replica. Raises :class:`Refused` and what :class:`QueryService` raises."""

    def __init__(self, service: QueryService, settings: UcpSettings, *, open_media: bool = False) -> None:
        """With ``open_media`` everybody may fetch media at :data:`MEDIA_PATH`."""
        self._service = service
        self._settings = settings
        # The address that a request was sent to is whatever its sender wrote.
        known = settings.public_url if open_media else None
        self._served_media = None if known is None else f"{known}{MEDIA_PATH}"
        self._families = Families(service)

    async def search(self, asked: SearchCatalog, terms: Terms, language: str | None) -> dict[str, Any]:
        """A ``search_response``."""
        if not terms.covers(SEARCH):
            return _incompatible(terms, SEARCH)
        messages: list[dict[str, Any]] = []
        image = asked.image if terms.allows("image_search") else None
        facets = list(dict.fromkeys(asked.facets)) if terms.allows("facets") else []
        if image is not asked.image:
            messages.append(info("extension_unavailable", f"image {_UNAGREED}", "$.image"))
        if asked.facets and not facets:
            messages.append(info("extension_unavailable", f"facets {_UNAGREED}", "$.facets"))
        if not asked.query and image is None and not asked.filters.given:
            raise Refused("invalid_request", "asks for nothing: give query, filters or both, or an image")
        version = await self._live()
        narrowing = await Narrowing.of(asked, version, self._service)
        request = SearchRequest(
            collection=version.collection,
            text=asked.query or None,
            image=image,
            filters=narrowing.filters,
            filter=narrowing.condition,
            facets=[Facet(field=name) for name in facets],
            limit=min(asked.pagination.limit, MAX_LIMIT),
            cursor=asked.pagination.cursor,
            # Shards cannot tell the best of a group.
            collapse=version.whole is not None,
            explain=False,
        )
        page = from_json(await self._service.search(ParsedSearch(request)))
        hits = [(hit["id"], hit["item_group_id"]) for hit in page["hits"]]
        families = await self._families.of(version.collection, hits)
        teller = self._teller(asked, language)
        products = [_listed(teller, family, best) for family, best in _grouped(hits, families)]
        answer: dict[str, Any] = {
            "ucp": terms.envelope(SEARCH, _used(image_search=image is not None, facets=bool(facets))),
            "products": [product for product in products if product is not None],
            "pagination": _pagination(page, whole=version.whole is not None),
        }
        if facets:
            answer["facets"] = narrowing.facets(page["facets"])
        messages += narrowing.messages
        if version.whole is None:
            messages.append(
                info(
                    "variants_apart",
                    "this catalogue is split: a product may come again on a later page, with another variant",
                )
            )
        messages += _incomplete(families.values())
        return answer | ({"messages": messages} if messages else {})

    async def lookup(self, asked: LookupCatalog, terms: Terms, language: str | None) -> dict[str, Any]:
        """A ``lookup_response``: of each product the variants that an id led to, both in the order of the
        ids."""
        if not terms.covers(LOOKUP):
            return _incompatible(terms, LOOKUP)
        ids = list(dict.fromkeys(asked.ids))
        if len(ids) > MAX_IDS:
            raise Refused(
                "request_too_large", f"{len(ids)} ids are more than {MAX_IDS}; send fewer", path="$.ids"
            )
        version = await self._live()
        narrowing = await Narrowing.of(asked, version, self._service)
        families, _ = await self._named(version.collection, ids, narrowing)
        teller, known, products = self._teller(asked, language), set[str](), list[dict[str, Any]]()
        for family in families.values():
            inputs = _inputs(family, ids)
            place = {variant: min(ids.index(each["id"]) for each in led) for variant, led in inputs.items()}
            shown = sorted((each for each in family.variants if each.id in place), key=lambda v: place[v.id])
            told = teller.product(family, shown, inputs=inputs) if shown else None
            if told is not None:
                products.append(told)
                known |= {each["id"] for variant in told["variants"] for each in variant["inputs"]}
        products.sort(key=lambda told: ids.index(told["variants"][0]["inputs"][0]["id"]))
        missing = [each for each in ids if each not in known]
        messages = [
            *narrowing.messages,
            *(info("not_found", each, f"$.ids[{asked.ids.index(each)}]") for each in missing),
            *_incomplete(families.values()),
        ]
        answer: dict[str, Any] = {"ucp": terms.envelope(LOOKUP), "products": products}
        return answer | ({"messages": messages} if messages else {})

    async def product(self, asked: GetProduct, terms: Terms, language: str | None) -> dict[str, Any]:
        """A ``get_product_response``; for an id that there is not, an envelope that says so."""
        if not terms.covers(LOOKUP):
            return _incompatible(terms, LOOKUP)
        version = await self._live()
        narrowing = await Narrowing.of(asked, version, self._service)
        families, found = await self._named(version.collection, [asked.id], narrowing)
        family = _of_id(families, asked.id)
        teller = self._teller(asked, language)
        told = None if family is None else _detailed(teller, family, asked)
        if told is None or family is None:
            content = f"no product '{asked.id[:200]}'" + (" fits the filters" if found else "")
            message = error("not_found", content, severity="unrecoverable", path="$.id")
            return {"ucp": terms.envelope(LOOKUP, ok=False), "messages": [*narrowing.messages, message]}
        wanted = asked.recommendations if terms.allows("recommendations") else None
        answer: dict[str, Any] = {
            "ucp": terms.envelope(LOOKUP, _used(recommendations=wanted is not None)),
            "product": told,
        }
        messages = [*narrowing.messages, *_incomplete([family])]
        if wanted is not asked.recommendations:
            messages.append(
                info("extension_unavailable", f"recommendations {_UNAGREED}", "$.recommendations")
            )
        if wanted is not None:
            limits = {kind: limit for kind in _KINDS if (limit := getattr(wanted, kind)) is not None}
            lists, said = await self._beside(version, told["variants"][0]["id"], limits, teller)
            answer["recommendations"] = lists
            messages += said
        return answer | ({"messages": messages} if messages else {})

    async def _named(
        self, collection: str, ids: Sequence[str], narrowing: Narrowing
    ) -> tuple[dict[str, Family], bool]:
        """The families that any of these ids means, narrowed; and whether there is one at all."""
        known = usable(ids)
        found = await self._families.named(collection, known)
        families = await self._families.of(collection, found, known, narrowing.every)
        if families or narrowing.every is None:
            return families, bool(families)
        return families, bool(found or await self._families.of(collection, (), known))

    async def _live(self) -> LiveVersion:
        try:
            return await self._service.live(self._settings.collection)
        except InvalidRequest:
            # Of several collections none is chosen. Their names are nobody's business here.
            raise NotFound(
                "no collection is chosen for agents: whoever runs this service sets MMPIPE_UCP__COLLECTION"
            ) from None

    def _teller(self, asked: SearchCatalog | LookupCatalog | GetProduct, language: str | None) -> Teller:
        return Teller(asked.context.language or language, self._settings.media_url, self._served_media)

    async def _beside(
        self, version: LiveVersion, product_id: str, limits: Mapping[Kind, int], teller: Teller
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Lists of products beside one, and what is to be said of them."""
        found: dict[Kind, list[tuple[str, str | None]]] = {}
        messages = []
        if version.whole is not None and limits:
            lists = [
                WantedList(kind=kind, product_ids=[product_id], limit=limit, sponsored=0)
                for kind, limit in limits.items()
            ]
            request = RecommendationsRequest(
                collection=version.collection, lists=lists, explain=False, exclude=Exclude(sold_out=True)
            )
            for each in from_json(await self._service.recommend(request))["lists"]:
                found[each["kind"]] = [(item["id"], item["item_group_id"]) for item in each["items"]]
        elif limits:
            if "similar" in limits:
                page = from_json(
                    await self._service.similar(
                        product_id, collection=version.collection, limit=limits["similar"]
                    )
                )
                found["similar"] = [(hit["id"], hit["item_group_id"]) for hit in page["hits"]]
            if "complements" in limits:
                messages.append(
                    info(
                        "recommendations_unavailable",
                        "complements are not told of a catalogue that is split",
                        "$.recommendations.complements",
                    )
                )
        every = [each for hits in found.values() for each in hits]
        families = await self._families.of(version.collection, every)
        told: dict[str, Any] = {
            kind: [
                product
                for family, best in _grouped(hits, families)
                if (product := _listed(teller, family, best)) is not None
            ]
            for kind, hits in found.items()
        }
        return told, messages


def _grouped(
    hits: Sequence[tuple[str, str | None]], families: Mapping[str, Family]
) -> list[tuple[Family, PublicProduct]]:
    """The families of some hits in their order, each once, with the variant that was found first."""
    found: dict[str, tuple[Family, PublicProduct]] = {}
    for product_id, group in hits:
        family = families.get(group or product_id)
        if family is not None and family.id not in found:
            best = next((each for each in family.variants if each.id == product_id), None)
            found[family.id] = family, best or default_of(family.variants)
    return list(found.values())


def _listed(teller: Teller, family: Family, best: PublicProduct) -> dict[str, Any] | None:
    """A product of a list: the best variant, then others, those first that can be bought."""
    others = sorted((each for each in family.variants if each is not best), key=lambda v: not purchasable(v))
    return teller.product(family, [best, *others][:_IN_LISTS])


def _detailed(teller: Teller, family: Family, asked: GetProduct) -> dict[str, Any] | None:
    options = Options.among(family.variants)
    own = next((each for each in family.variants if each.id == asked.id), None)
    if own is None and len(family.variants) and asked.id != family.id:
        own = next(iter(_exact(family, asked.id)), None)
    if own is not None:
        selected = dict(options.of[own.id])
    elif asked.selected is not None:
        selected = options.effective(family.variants, asked.selected, asked.preferences)
    else:
        selected = dict(options.of[default_of(family.variants).id])
    matching = options.matching(family.variants, selected)
    first = own or default_of(matching)
    shown = [first, *(each for each in matching if each is not first)]
    return teller.product(family, shown[:_IN_DETAIL], options, selected=selected)


def _inputs(family: Family, ids: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """Which of some ids led to which variants of a family, and how."""
    found: dict[str, list[dict[str, str]]] = {}
    for each in ids:
        exact = _exact(family, each)
        for variant in exact:
            found.setdefault(variant.id, []).append({"id": each, "match": "exact"})
        if not exact and each == family.id:
            found.setdefault(default_of(family.variants).id, []).append({"id": each, "match": "featured"})
    return found


def _exact(family: Family, given: str) -> list[PublicProduct]:
    """The variants of this very id, else of this SKU, MPN or barcode."""
    own = [variant for variant in family.variants if variant.id == given]
    if own or given == family.id:
        return own
    token = identifier(given)
    return [
        variant
        for variant in family.variants
        if sku_of(variant) == given
        or any(token and name and identifier(name) == token for name in (variant.gtin, variant.mpn))
    ]


def _of_id(families: Mapping[str, Family], given: str) -> Family | None:
    """The family that an id means: of a variant with that id, else the product's, else by another name."""
    for family in families.values():
        if any(variant.id == given for variant in family.variants):
            return family
    return families.get(given) or next((each for each in families.values() if _exact(each, given)), None)


def _pagination(page: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"has_next_page": page["next_cursor"] is not None}
    if page["next_cursor"] is not None:
        told["cursor"] = page["next_cursor"]
    # Of variants, where these are not put together: no number of products.
    return {**told, "total_count": page["total"]} if whole else told


def _incomplete(families: Any) -> list[dict[str, Any]]:
    if all(family.complete for family in families):
        return []
    return [info("variants_incomplete", "there are more variants than are told; narrow them by filters")]


def _used(**extensions: bool) -> list[Extension]:
    return [name for name, used in extensions.items() if used]  # type: ignore[misc]


def _incompatible(terms: Terms, capability: str) -> dict[str, Any]:
    content = f"your profile does not have {capability} in common with this shop's"
    message = error("capabilities_incompatible", content, severity="unrecoverable")
    return {"ucp": terms.envelope(capability, ok=False), "messages": [message]}
