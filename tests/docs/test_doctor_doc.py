"""docs/doctor.md: its commands are there, its figures those of the code."""

from __future__ import annotations

from mmpipe.doctor import cloud, installation, machine
from tests.docs.doc_commands import faults, read

PAGE = read("docs/doctor.md")


def test_what_the_page_names_is_there() -> None:
    assert faults(PAGE, on_infrastructure=False) == []


def test_figures_are_those_of_the_code() -> None:
    text = PAGE.text
    assert (
        f"less than {machine._LEAST_BYTES / 1e6:.0f} MB are free (below {machine._ENOUGH_BYTES / 1e9:.0f} GB"
        in text
    )
    assert f"less than {machine._SHARED_BYTES / 1e9:.0f} GB free is a warning" in text
    assert f"fewer than {machine._LEAST_FILES:,} (below {machine._ENOUGH_FILES:,}" in text
    assert f"{cloud._REFUSED_SECONDS / 60:.0f} minutes off" in text
    assert all(f"`{extra}`" in text for extra in installation._NEEDED)
