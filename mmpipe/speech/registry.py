"""Names of recognisers to recognisers. The only place that knows which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.errors import ModelUnavailable

if TYPE_CHECKING:
    from mmpipe.settings import ModelSettings
    from mmpipe.speech.base import SpeechRecognizer

RECOGNIZERS = ("sphinx", "fake", "none")


def load(name: str, models: ModelSettings) -> SpeechRecognizer | None:
    """A recogniser by name; None for ``none``.

    Raises :class:`ModelUnavailable` for an unknown name or a missing extra.
    """
    if name == "none":
        return None
    if name == "fake":
        from mmpipe.speech.fake import FakeRecognizer

        return FakeRecognizer()
    if name == "sphinx":
        from mmpipe.speech.sphinx import SphinxRecognizer

        return SphinxRecognizer()
    raise ModelUnavailable(f"no speech recogniser '{name}'; known: {', '.join(RECOGNIZERS)}")
