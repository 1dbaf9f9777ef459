"""How threads of a process that answers take turns."""

from __future__ import annotations

import sys
from typing import Final

_SECONDS: Final = 0.0005


def take_short_turns() -> None:
    """Let threads of this process hand over the interpreter's lock ten times as often as Python does.

    An answer gives the lock up with each of its compiled passes, some thirty times, and may have to wait a
    whole turn to get it back from a thread that prepares something: a version's suggestions, a recogniser, a
    log of events.
    """
    sys.setswitchinterval(_SECONDS)
