"""Spoken words to text.

A :class:`SpeechRecognizer` transcribes a clip into a :class:`Transcript`, and can be adapted to a catalogue's
words; ``registry`` loads one by name: ``bilingual`` (embedded: ``sphinx`` for English,
``mandarin`` for Chinese), ``whisper`` (published), ``fake``, ``none``.
Queries are heard in :mod:`mmpipe.serve.answer.voice`, products' recordings in
:mod:`mmpipe.indexing.pipeline.speech`: once per content and recogniser. Sound tracks of clips are not
transcribed, nor are recordings under a profile without an audio encoder. Without the extra ``speech`` both
log once and go on as with ``none``.
"""

from mmpipe.speech.base import HeardWord, RecognizerInfo, SpeechRecognizer, Transcript

__all__ = ["HeardWord", "RecognizerInfo", "SpeechRecognizer", "Transcript"]
