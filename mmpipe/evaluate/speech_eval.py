"""How much of spoken requests is understood: the share of slot values heard.

Clips come with the values that were asked for (``{"file", "slots": {name: value}}``), not with transcripts,
so what counts is whether each value's words were heard, side by side. Values and transcripts are compared as
spoken words: lower case, numbers written out, a plural ending ignored.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmpipe import media
from mmpipe.encoders.base import AudioClip
from mmpipe.errors import InvalidRequest
from mmpipe.lexical import tokens
from mmpipe.settings import MediaSettings
from mmpipe.speech import SpeechRecognizer
from mmpipe.speech.phrases import spoken_words


@dataclass(frozen=True, slots=True)
class SpokenRequest:
    """One clip and the values that were said in it."""

    file: str
    values: tuple[str, ...]


def read_labels(path: Path) -> list[SpokenRequest]:
    """A labels file: JSONL with ``file`` and ``slots``. Raises :class:`InvalidRequest`, naming the line."""
    found: list[SpokenRequest] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            values = tuple(str(value) for value in row["slots"].values())
            found.append(SpokenRequest(str(row["file"]), values))
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise InvalidRequest("labels", f"line {number} is not {{file, slots}}: {error}") from error
    if not found:
        raise InvalidRequest("labels", f"{path} holds no clip")
    return found


def read_vocabulary(path: Path) -> list[str]:
    """One catalogue text a line; of a ``.jsonl`` file, each line's ``title`` or the string that it is.

    Raises :class:`InvalidRequest` for an empty file or, naming it, a line without a text.
    """
    texts: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = _json_text(line, number) if path.suffix == ".jsonl" and line.strip() else line
        if text.strip():
            texts.append(text.strip())
    if not texts:
        raise InvalidRequest("vocabulary", f"{path} is empty; give one catalogue text a line")
    return texts


def _json_text(line: str, number: int) -> str:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidRequest("vocabulary", f"line {number} is no JSON: {error}") from error
    text = row.get("title") if isinstance(row, dict) else row
    if not isinstance(text, str):
        raise InvalidRequest("vocabulary", f"line {number} is neither a string nor an object with a title")
    return text


def vocabulary_of(requests: Sequence[SpokenRequest]) -> list[str]:
    """Every value of the requests once: the drinks menu as a catalogue."""
    return sorted({value.strip() for request in requests for value in request.values if value.strip()})


def heard(value: str, transcript: str) -> bool:
    """Whether the value's words stand side by side in the transcript."""
    wanted, said = (tokens(" ".join(spoken_words(text))) for text in (value, transcript))
    return any(said[start : start + len(wanted)] == wanted for start in range(len(said) - len(wanted) + 1))


def measure(
    recognizer: SpeechRecognizer, requests: Sequence[SpokenRequest], clips: Path, settings: MediaSettings
) -> dict[str, float]:
    """``clips_all_slots`` and ``slots`` are shares, ``real_time_factor`` seconds of work a second of sound.

    Raises :class:`InvalidRequest` for a clip that is not in ``clips`` and ``InvalidMedia`` for a broken one.
    """
    whole = right = asked = 0
    spoken = worked = 0.0
    for request in requests:
        path = clips / Path(request.file).name
        if not path.is_file():
            raise InvalidRequest("clips", f"{path} is not there; the labels name it")
        clip = media.decode("audio", path.read_bytes(), settings, "audio")
        assert isinstance(clip, AudioClip)
        started = time.perf_counter()
        transcript = recognizer.transcribe(clip).text
        worked += time.perf_counter() - started
        spoken += clip.samples.size / clip.sample_rate
        found = [heard(value, transcript) for value in request.values]
        whole += all(found)
        right += sum(found)
        asked += len(found)
    return {
        "clips": len(requests),
        "clips_all_slots": round(whole / len(requests), 4),
        "slots": round(right / max(asked, 1), 4),
        "real_time_factor": round(worked / max(spoken, 1e-9), 3),
    }
