"""docs/analytics.md says what the code does."""

from __future__ import annotations

import json
import re
from typing import get_args

from mmpipe.analytics import Mark
from mmpipe.analytics.followed import WINDOW_HOURS
from mmpipe.analytics.report import ENOUGH
from mmpipe.analytics.writer import MAX_WAITING
from mmpipe.schemas.analytics import AnalyticsReport
from mmpipe.schemas.interaction import Interaction
from mmpipe.search.suggest.asked import MAX_QUERY
from mmpipe.serve.answer.analytics import MAX_DAYS, MAX_LIMIT
from mmpipe.settings import AnalyticsSettings
from tests.docs.doc_commands import faults, read

PAGE = read("docs/analytics.md")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_the_event_shown_is_one() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE.text, re.DOTALL)
    assert Interaction.model_validate(json.loads(shown)).context is not None


def test_lists_marks_and_figures_are_those_of_the_code() -> None:
    told = set(re.findall(r"`([a-z_]+)`", PAGE.text))
    apart = {"collection", "made_at", "since", "sample", "min_searches", "queries", "unknown_events"}
    assert set(AnalyticsReport.model_fields) - apart <= told
    assert set(get_args(Mark)) <= told
    own = AnalyticsSettings()
    for name in ("min_searches", "rare_days", "keep_days", "write_seconds", "cache_seconds"):
        assert f"`MMPIPE_ANALYTICS__{name.upper()}` ({getattr(own, name):g})" in PAGE.text
    assert f"of {ENOUGH} searches" in PAGE.text
    assert f"in the {WINDOW_HOURS} hours before" in PAGE.text
    assert f"{MAX_WAITING:,} at most" in PAGE.text
    assert f"more than {MAX_QUERY} characters" in PAGE.text
    assert f"`limit` is 1 to {MAX_LIMIT}, `days` 1 to {MAX_DAYS}" in PAGE.text
