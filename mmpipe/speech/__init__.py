"""Spoken words to text."""

from mmpipe.speech.base import HeardWord, RecognizerInfo, SpeechRecognizer, Transcript

__all__ = ["HeardWord", "RecognizerInfo", "SpeechRecognizer", "Transcript"]
