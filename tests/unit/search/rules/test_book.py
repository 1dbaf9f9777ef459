"""Which rules take part in a search, and what they come to."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from mmpipe.schemas.conditions import Comparison, Not
from mmpipe.schemas.rules import Rule, RuleSet
from mmpipe.search.rules import RuleBook, effects_of

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def rule(name: str, when: dict[str, Any] | None = None, **done: Any) -> Rule:
    return Rule.model_validate({"name": name, "when": when or {}, **(done or {"banner": name})})


def taking(
    rules: list[Rule],
    text: str | None = None,
    categories: tuple[str, ...] = (),
    context: dict[str, str] | None = None,
    now: datetime = NOW,
) -> tuple[str, ...]:
    found = RuleBook(RuleSet(version=3, rules=rules)).effects(text, categories, context or {}, now)
    return () if found is None else found.names


@pytest.mark.parametrize(
    ("when", "text", "held"),
    [
        ({"query_is": ["Red Dress"]}, "red dresses", True),
        ({"query_is": ["Red Dress"]}, "red summer dress", False),
        ({"query_contains": ["summer dress"]}, "red Summer-Dress!", True),
        ({"query_contains": ["summer dress"]}, "dress summer", False),
        ({"query_contains": ["红色连衣裙"]}, "便宜的红色連衣裙", True),
        ({"query_contains": ["L'Oréal"]}, "loreal shampoo", False),
        ({"query_contains": ["L'Oréal"]}, "l’oreal shampoo", True),
        ({"query_is": ["a"], "query_contains": ["lamp"]}, "desk lamp", True),
        ({"query_contains": ["lamp"]}, None, False),
        ({}, None, True),
        ({}, "anything", True),
    ],
)
def test_words_of_the_query_decide(when: dict[str, Any], text: str | None, held: bool) -> None:
    assert (taking([rule("one", when)], text) == ("one",)) is held


def test_many_phrases_that_begin_alike_cost_a_search_next_to_nothing() -> None:
    """One shop's rules and queries take a replica's time from the others'."""
    waiting = [[f"a {number} {n}" for n in range(100)] for number in range(200)]
    rules = [rule(str(number), {"query_contains": phrases}) for number, phrases in enumerate(waiting)]
    alike = [" ".join(["a"] * n) for n in range(1, 100)]
    rules += [rule(f"alike {n}", {"query_contains": alike}) for n in range(100)]
    book = RuleBook(RuleSet(rules=rules))
    begun = time.process_time()
    found = book.effects(" ".join(["a"] * 500), (), {}, NOW)
    assert time.process_time() - begun < 1.0
    assert found is not None
    assert found.names[0] == "alike 0"


def test_what_rules_look_for_in_a_search_is_bounded() -> None:
    """A search that looks for 12,000 values takes a hundred times as long, and others' searches wait."""
    sizes = {"field": "size", "in": [str(n) for n in range(100)]}
    heavy = {"bury": [sizes, {"not": {"or": [sizes, sizes]}}], "boost": [{"filter": sizes, "weight": 0.1}]}
    rules = [rule(str(n), **heavy, hide=[f"p{k}" for k in range(100)]) for n in range(3)]
    assert [each.looked for each in rules] == [500] * 3
    assert taking([*rules, rule("light")]) == ("0", "1")
    assert taking([rules[0], rule("light"), rules[1]]) == ("0", "light", "1")
    with pytest.raises(ValidationError, match="name 501 values, 500 at most"):
        rule("more", **heavy, hide=[f"p{k}" for k in range(100)], filter={"field": "color", "exists": True})


def test_a_category_is_meant_with_all_below_it() -> None:
    rules = [
        rule("dresses", {"category": ["clothing>Dresses"]}),
        rule("clothing", {"category": ["Clothing"]}),
    ]
    assert taking(rules, categories=("Clothing > Dresses > Summer",)) == ("dresses", "clothing")
    assert taking(rules, categories=("Clothing",)) == ("clothing",)
    assert taking(rules, categories=("Dresses",)) == ()


def test_context_and_moment_must_hold_too() -> None:
    when = {"query_contains": ["lamp"], "context": {"Channel": "App"}}
    assert taking([rule("app", when)], "lamp", context={"channel": "app", "country": "DE"}) == ("app",)
    assert taking([rule("app", when)], "lamp", context={"channel": "web"}) == ()
    assert taking([rule("app", when)], "lamp") == ()
    timed = rule("june", {"since": "2026-06-01T12:00:00Z", "until": "2026-06-01T14:00:00+01:00"})
    assert taking([timed], now=NOW) == ("june",)
    assert taking([timed], now=NOW - timedelta(seconds=1)) == ()
    assert taking([timed], now=NOW + timedelta(hours=1)) == ()


def test_what_is_switched_off_takes_no_part() -> None:
    off = rule("off", banner="x").model_copy(update={"enabled": False})
    assert taking([off, rule("on", banner="y")]) == ("on",)
    assert RuleBook(RuleSet(rules=[off])).effects("x", (), {}, NOW) is None


def test_the_more_important_rule_has_the_place_and_the_redirect() -> None:
    first = rule("first", pin=[{"id": "a", "position": 1}, {"id": "b", "position": 3}], redirect="/sale")
    second = rule(
        "second",
        pin=[{"id": "c", "position": 1}, {"id": "b", "position": 4}, {"id": "d", "position": 2}],
        redirect="https://shop.example/other",
        banner="Now",
    )
    found = effects_of([first, second], version=7)
    assert [(pin.position, pin.id) for pin in found.pins] == [(1, "a"), (2, "d"), (3, "b")]
    assert (found.redirect, found.banners, found.names) == ("/sale", ("Now",), ("first", "second"))
    assert found.version == 7


def test_hidden_products_and_filters_are_conditions_and_the_rest_lifts() -> None:
    red = {"field": "color", "eq": "Red"}
    found = effects_of(
        [rule("one", hide=["x", "y"], filter=red, boost=[{"filter": red, "weight": 0.5}], bury=[red])]
    )
    own, hidden = found.conditions
    assert isinstance(own, Comparison)
    assert isinstance(hidden, Not)
    assert hidden.as_json() == {"not": {"field": "id", "in": ["x", "y"]}}
    boosted, buried = found.lifts
    assert (boosted.weight, boosted.name, boosted.source) == (0.5, "one", "rules")
    assert buried.weight < -5


def test_pages_go_on_with_the_rules_they_began_with() -> None:
    book = RuleBook(RuleSet(version=2, rules=[rule("a", {"query_is": ["x"]}), rule("b"), rule("c")]))
    found = book.named(["c", "a", "gone"])
    assert found is not None
    assert found.names == ("a", "c")
    assert book.named(["gone"]) is None


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"name": "x"}, "does nothing"),
        ({"name": "x", "redirect": "javascript:alert(1)"}, "must begin with https://"),
        ({"name": "x", "redirect": "//elsewhere.example"}, "must begin with https://"),
        ({"name": "x", "redirect": "http://shop.example"}, "must begin with https://"),
        ({"name": "x", "redirect": "/a b"}, "without blanks"),
        ({"name": "x", "pin": [{"id": "a", "position": 0}]}, "pin.0.position"),
        ({"name": "x", "pin": [{"id": "a", "position": 1}, {"id": "a", "position": 2}]}, "pin.id"),
        ({"name": "x", "banner": "b", "when": {"since": "2026-06-01T00:00:00"}}, "when.since"),
        (
            {
                "name": "x",
                "banner": "b",
                "when": {"since": "2026-06-02T00:00Z", "until": "2026-06-01T00:00Z"},
            },
            "since must be before until",
        ),
        ({"name": "x", "boost": [{"filter": {"field": "nonsense", "eq": 1}, "weight": 1}]}, "boost.0.filter"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(given: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Rule.model_validate(given)
    assert place in str(caught.value)


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two rules are called 'a'"):
        RuleSet(rules=[rule("a"), rule("a")])
