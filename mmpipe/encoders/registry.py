"""Profile names to loaded models. The only place that knows which profiles exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mmpipe.encoders import published
from mmpipe.encoders.base import Encoder, Modality, Profile
from mmpipe.errors import ModelUnavailable, ProfileMismatch
from mmpipe.settings import ModelSettings, load_settings


@dataclass(frozen=True)
class LoadedEncoders:
    """A profile with its encoders in memory, ready to encode."""

    profile: Profile
    encoders: Mapping[Modality, Encoder]


def _fake(_threads: int | None) -> LoadedEncoders:
    from mmpipe.encoders import fake

    return LoadedEncoders(fake.profile(), fake.encoders())


def _starter(threads: int | None) -> LoadedEncoders:
    try:
        from mmpipe.encoders import starter
    except ImportError as error:
        raise ModelUnavailable(
            f"profile 'starter' needs torch and safetensors ({error}):"
            " install the extra with pip install 'mmpipe[ml]'"
        ) from error
    loaded = starter.load(threads=threads)
    return LoadedEncoders(loaded.profile, loaded.encoders)


_PROFILES: dict[str, Callable[[int | None], LoadedEncoders]] = {"starter": _starter, "fake": _fake}


def known_profiles() -> tuple[str, ...]:
    """Names that :func:`load` accepts; besides these, ``text:OWNER/MODEL``."""
    return (*_PROFILES, *published.PUBLISHED)


def load(name: str, *, threads: int | None = None, models: ModelSettings | None = None) -> LoadedEncoders:
    """Load a profile by name; ``threads`` bounds the CPU threads of one encode call.

    ``models`` says where published models are and how they run; unless given, the settings are read.
    Raises :class:`ModelUnavailable` for an unknown name, missing extra, missing or damaged weights.
    """
    if name in _PROFILES:
        return _PROFILES[name](threads)
    model = published.find(name)
    if model is None:
        raise ModelUnavailable(
            f"no model profile '{name}'; known: {', '.join(known_profiles())}, text:OWNER/MODEL"
        )
    profile, encoders = published.load(model, models or load_settings().models, threads)
    return LoadedEncoders(profile, encoders)


def load_exactly(
    profile: Profile, *, threads: int | None = None, models: ModelSettings | None = None
) -> LoadedEncoders:
    """Load the models that encoded a table. Raises :class:`ProfileMismatch` where the ones here differ."""
    loaded = load(profile.name, threads=threads, models=models)
    if loaded.profile.fingerprint != profile.fingerprint:
        raise ProfileMismatch(
            f"the table was encoded by profile {profile.name} {profile.fingerprint}, this installation holds"
            f" {loaded.profile.fingerprint}: install the release that encoded it, or index again"
        )
    return loaded
