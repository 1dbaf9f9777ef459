"""docs/recommendations.md names every kind, every reason and the figures that the code goes by."""

from __future__ import annotations

from mmpipe.recommend import why
from mmpipe.recommend.kinds import everybody, past, shopper, strength
from mmpipe.recommend.kinds.plans import PLANS
from mmpipe.schemas.recommend import KINDS
from mmpipe.settings import ServeSettings
from tests.docs.doc_commands import faults, read

PAGE = read("docs/recommendations.md")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_every_kind_has_a_row() -> None:
    rows = [line.split("`")[1] for line in PAGE.text.splitlines() if line.startswith("| `")]
    assert set(rows) == set(KINDS) == set(PLANS)


def test_every_reason_is_told() -> None:
    section = read("docs/recommendations.md", "Reasons").text
    shown = set(why.REASONS) - {"trending-in"}
    assert {reason for reason in shown if f"`{reason}`" not in section} == set()


def test_figures_are_those_of_the_code() -> None:
    text = PAGE.text
    for_you, session = shopper.FOR_YOU, shopper.SESSION
    assert (
        f"{for_you.taste:g} taste + {for_you.learnt:g} learnt model + {for_you.together:g} strength" in text
    )
    assert f"`session` {session.taste:g} + {session.learnt:g} + {session.together:g}" in text
    assert f"m / (m + {strength.SHRINKAGE:g})" in text
    assert f"halved every {past.HALF_LIFE_DAYS:g} days" in text
    assert f"`(1 + n) ^ -{past.FADING:g}` (in a visit `-{past.SESSION_FADING:g}`)" in text
    assert f"knew {everybody.NEW_SECONDS / 86_400:g} days ago" in text
    assert f"`MMPIPE_SERVE__TASTE_WEIGHT` ({ServeSettings().taste_weight:g})" in text
