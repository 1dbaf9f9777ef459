"""Merchandising rules: what a shop wants shown, hidden, lifted or said for some queries; and synonyms."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from mmpipe.schemas.conditions import Condition, comparisons
from mmpipe.schemas.search import Boost, ProductId, SearchRequest, SearchResponse, ShortText

MAX_RULES: Final = 500
MAX_PIN: Final = 100
MAX_LOOKED: Final = 500
"""Values that the conditions of a rule name, with ids that it hides: every search that it takes part in looks
for them all."""
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f\\]")
_Phrases = Annotated[list[ShortText], Field(max_length=100)]


def _address(value: str) -> str:
    """An ``https://`` address or a path of the shop's own site; nothing that a browser would run."""
    if _SPACE.search(value):
        raise ValueError("must be an address without blanks, percent-encoded")
    if value.startswith("/") and not value.startswith("//"):
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = None
    if parts is None or parts.scheme != "https" or not parts.hostname:
        raise ValueError("must begin with https:// or be a path of the shop's site, as in /sale")
    return value


class Occasion(BaseModel):
    """When a rule takes part: all that is given must hold. Of ``query_is``, ``query_contains`` and
    ``category`` one is enough; without any of them every search is meant, browsing too."""

    model_config = ConfigDict(extra="forbid")

    query_is: _Phrases = Field(default_factory=list, description="the query's words are exactly these")
    query_contains: _Phrases = Field(default_factory=list, description="these words stand in it together")
    category: _Phrases = Field(
        default_factory=list,
        description="the search is filtered by this category or one below it, or its words name it",
    )
    context: dict[ShortText, ShortText] = Field(
        default_factory=dict, max_length=10, description="the request's context says all of this"
    )
    since: AwareDatetime | None = Field(default=None, description="from this moment on, with a time zone")
    until: AwareDatetime | None = Field(default=None, description="before this moment, with a time zone")

    @model_validator(mode="after")
    def _ordered(self) -> Occasion:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("since must be before until")
        return self


class Pin(BaseModel):
    """A product at a place of its own, whether or not the search finds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: ProductId
    position: int = Field(ge=1, le=MAX_PIN, description="1 is the first")


class Rule(BaseModel):
    """What happens on an :class:`Occasion`; at least one thing does."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    enabled: bool = True
    when: Occasion = Field(default_factory=Occasion)
    pin: list[Pin] = Field(default_factory=list, max_length=50)
    hide: list[ProductId] = Field(default_factory=list, max_length=100, description="never shown")
    boost: list[Boost] = Field(default_factory=list, max_length=10)
    bury: list[Condition] = Field(
        default_factory=list, max_length=10, description="what meets one of these comes after the rest"
    )
    filter: Condition | None = Field(default=None, description="only what meets it is found")
    redirect: Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_address)] | None = None
    banner: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)] | None
    ) = Field(default=None, description="plain text")

    @model_validator(mode="after")
    def _does_something(self) -> Rule:
        done = (self.pin, self.hide, self.boost, self.bury, self.filter, self.redirect, self.banner)
        if not any(done):
            raise ValueError("does nothing: give pin, hide, boost, bury, filter, redirect or banner")
        for name, values in (
            ("pin.id", [p.id for p in self.pin]),
            ("position", [p.position for p in self.pin]),
        ):
            if len(set(values)) < len(values):
                raise ValueError(f"pin: each {name} can be given once")
        if self.looked > MAX_LOOKED:
            raise ValueError(f"its conditions name {self.looked} values, {MAX_LOOKED} at most: split it")
        return self

    @property
    def looked(self) -> int:
        """How many values a search looks for because of it."""
        conditions = [boost.filter for boost in self.boost] + self.bury
        conditions += [] if self.filter is None else [self.filter]
        found = (each for condition in conditions for each in comparisons(condition))
        return len(self.hide) + sum(len(each.values or ("",)) for each in found)


class RuleSet(BaseModel):
    """A collection's rules, the more important first, and how often they were set; 0: never."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(default=0, ge=0)
    rules: list[Rule] = Field(default_factory=list, max_length=MAX_RULES)

    @model_validator(mode="after")
    def _named_once(self) -> RuleSet:
        names = [rule.name for rule in self.rules]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two rules are called '{twice}'; give each a name of its own")
        return self


class RuleVersions(BaseModel):
    """The versions of a collection's rules that can be read, rising; the last is current."""

    versions: list[int] = Field(description="none where no rules were ever set")


class RulesBody(BaseModel):
    """A whole set of rules, in place of those there are."""

    model_config = ConfigDict(extra="forbid")

    version: int | None = Field(
        default=None,
        ge=0,
        strict=True,
        description="the version that they were made from; a newer one gets a 409",
    )
    rules: list[Rule] = Field(max_length=MAX_RULES)


class PreviewBody(BaseModel):
    """A search, and the rules that it is to be tried with."""

    model_config = ConfigDict(extra="forbid")

    search: SearchRequest
    rules: list[Rule] = Field(max_length=MAX_RULES)


class Preview(BaseModel):
    """One search as it is answered now, and as it would be."""

    before: SearchResponse
    after: SearchResponse


class SynonymsSet(BaseModel):
    """What was set."""

    lines: int
