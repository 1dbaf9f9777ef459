"""Names of recognisers to recognisers. The only place that knows which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe.errors import ModelUnavailable

if TYPE_CHECKING:
    from mmpipe.settings import ModelSettings
    from mmpipe.speech.base import SpeechRecognizer

RECOGNIZERS = ("bilingual", "sphinx", "whisper", "fake", "none")


def load(name: str, models: ModelSettings) -> SpeechRecognizer | None:
    """A recogniser by name; None for ``none``.

    Raises :class:`ModelUnavailable` for an unknown name or a missing extra.
    """
    if name == "none":
        return None
    if name == "fake":
        from mmpipe.speech.fake import FakeRecognizer

        return FakeRecognizer()
    if name == "bilingual":
        try:
            from mmpipe.speech.bilingual import BilingualRecognizer
        except ModuleNotFoundError as error:
            raise ModelUnavailable(
                f"recogniser 'bilingual' needs {error.name}: pip install 'mmpipe[speech,ml]', or set"
                " MMPIPE_SPEECH__RECOGNIZER=sphinx for English alone"
            ) from error
        return BilingualRecognizer()
    if name == "sphinx":
        from mmpipe.speech.sphinx import SphinxRecognizer

        return SphinxRecognizer()
    if name == "whisper":
        try:
            from mmpipe.speech.whisper import WhisperRecognizer
        except ModuleNotFoundError as error:
            raise ModelUnavailable(
                f"recogniser 'whisper' needs {error.name}: pip install 'mmpipe[ml]'"
            ) from error
        return WhisperRecognizer(models)
    raise ModelUnavailable(f"no speech recogniser '{name}'; known: {', '.join(RECOGNIZERS)}")
