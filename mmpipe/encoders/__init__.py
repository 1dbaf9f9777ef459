"""The encoder room: modality in, unit vectors out.

``base`` says what an encoder and a profile are, ``registry`` loads a profile by name (``starter``, ``fake``,
published ones, ``text:OWNER/MODEL``) or exactly as a table names it: ``ModelUnavailable``,
``ProfileMismatch``. A lake's own models are loaded through :mod:`mmpipe.lake.model_loading`, as whoever works
on a lake should. ``starter`` is shipped in the package, ``published`` runs pinned checkpoints, ``fake`` is
numpy alone, deterministic, counts its calls, and is shipped for tests. ``pooling`` makes one vector of a
clip's frames; its sharpness is part of the encoder's revision.
"""
