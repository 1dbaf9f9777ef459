"""Spoken Chinese by a small network of our own: is it Mandarin at all, and which of a catalogue's words.

``weights`` → ``network`` hears units (``units``) in ``features``; ``decoder`` finds the syllables that
``language`` knows of the catalogue; ``recognizer`` is all of it for one clip. How the network was trained and
what it can do: docs/models/speech.md.
"""
