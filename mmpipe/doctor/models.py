"""What encodes, listens and decodes: the profile's models by their digests, the recogniser, codecs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mmpipe.doctor.finding import Finding
from mmpipe.errors import MmpipeError

if TYPE_CHECKING:
    from mmpipe.settings import Settings

# What clips and recordings of shops come in; by FFmpeg's names of decoders.
_CODECS: Final = ("h264", "hevc", "vp8", "vp9", "av1", "aac", "mp3", "opus", "vorbis", "flac", "pcm_s16le")


def encoders(settings: Settings) -> Iterator[Finding]:
    """The models of ``indexing.profile``, each file by its digest."""
    name = settings.indexing.profile
    try:
        from mmpipe.lake.model_loading import load_profile

        profile = load_profile(name, settings).profile
    except (MmpipeError, ImportError) as error:
        yield Finding(
            "models",
            "broken",
            f"profile {name!r} does not load: {error}",
            "set MMPIPE_INDEXING__PROFILE to one that `mmpipe models list` has, or `mmpipe models pull` it",
        )
        return
    yield Finding("models", "fine", f"profile {name!r} ({profile.fingerprint[:8]}) is whole and loads")


def speech(settings: Settings) -> Iterator[Finding]:
    """Who understands spoken queries and clips."""
    name = settings.speech.recognizer
    if name == "none":
        yield Finding(
            "speech", "note", "none listens, as MMPIPE_SPEECH__RECOGNIZER says: recordings are sounds"
        )
        return
    try:
        from mmpipe.speech import registry

        registry.load(name, settings.models)
    except (MmpipeError, ImportError) as error:
        yield Finding(
            "speech",
            "broken",
            f"recogniser {name!r} does not load: {error}",
            "install what it needs, or set MMPIPE_SPEECH__RECOGNIZER=none: recordings are sounds then",
        )
    else:
        yield Finding("speech", "fine", f"recogniser {name!r} loads")


def codecs(_settings: Settings) -> Iterator[Finding]:
    """What clips and recordings may be compressed by."""
    try:
        import av
        from av.codec import codecs_available
    except ImportError as error:
        yield Finding("codecs", "broken", f"PyAV does not load: {error}", "pip install 'mmpipe[ml]'")
        return
    missing = [name for name in _CODECS if name not in codecs_available]
    if missing:
        yield Finding(
            "codecs",
            "warning",
            f"PyAV {av.__version__} cannot read {', '.join(missing)}: such media become rejects",
            "install PyAV's own wheel (pip install --force-reinstall av), which brings FFmpeg along",
        )
    else:
        yield Finding("codecs", "fine", f"PyAV {av.__version__} reads {', '.join(_CODECS)}")
