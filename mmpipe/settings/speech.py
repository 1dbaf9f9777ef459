"""Speech."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mmpipe.settings.section import Section


class SpeechSettings(Section):
    """How spoken queries and spoken product clips become text."""

    recognizer: Literal["bilingual", "sphinx", "whisper", "fake", "none"] = Field(
        default="bilingual",
        description="who listens: bilingual hears Chinese and English, sphinx English alone; none leaves"
        " recordings to the acoustic encoder",
    )
    min_confidence: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="what is heard with less counts as no speech, unless speech was asked for",
    )
    max_vocabulary_texts: int = Field(
        default=20_000,
        gt=0,
        description="titles, brands, categories and attribute values that the recogniser is adapted to",
    )
    max_recognizers: int = Field(
        default=4,
        gt=0,
        description="recognisers that a replica keeps, one per collection and about 100 MB each; with more"
        " collections, of those whose recordings came last",
    )
    transcribe_products: bool = Field(
        default=True, description="products' recordings are transcribed into the full text"
    )
