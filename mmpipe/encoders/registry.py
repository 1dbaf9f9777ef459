"""Profile names to loaded models. The only place that knows which profiles exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mmpipe.encoders import published
from mmpipe.encoders.base import Encoder, Modality, Profile
from mmpipe.errors import ModelUnavailable, ProfileMismatch
from mmpipe.settings import ModelSettings, load_settings


@dataclass(frozen=True)
class LoadedEncoders:
    """A profile with its encoders in memory, ready to encode.

    ``folder`` is where its weights were loaded from, the learned fusion's among them; None for profiles
    that are part of this installation.
    """

    profile: Profile
    encoders: Mapping[Modality, Encoder]
    folder: Path | None = None

    def of_one_modality(self) -> LoadedEncoders:
        """The same models for products that have vectors of one modality only."""
        return replace(self, profile=self.profile.of_one_modality())


def _fake(_threads: int | None) -> LoadedEncoders:
    from mmpipe.encoders import fake

    return LoadedEncoders(fake.profile(), fake.encoders())


def _starter(threads: int | None, folder: Path | None = None, name: str = "starter") -> LoadedEncoders:
    try:
        from mmpipe.encoders import starter
    except ImportError as error:
        raise ModelUnavailable(
            f"profile '{name}' needs torch and safetensors ({error}):"
            " install the extra with pip install 'mmpipe[ml]'"
        ) from error
    loaded = starter.load(threads=threads, folder=folder, name=name)
    return LoadedEncoders(loaded.profile, loaded.encoders, folder)


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


def is_known(name: str) -> bool:
    """Whether a profile of this name is part of the installation, or a published model."""
    return name in _PROFILES or published.find(name) is not None


def load_folder(name: str, folder: Path, *, threads: int | None = None) -> LoadedEncoders:
    """Load weights of the starter's form from any folder the exporter wrote, as the profile ``name``.

    Raises :class:`ModelUnavailable` for a missing extra and for missing, damaged or unfitting weights.
    """
    return _starter(threads, folder, name)


def load_exactly(
    profile: Profile, *, threads: int | None = None, models: ModelSettings | None = None
) -> LoadedEncoders:
    """Load the models that encoded a table. Raises :class:`ProfileMismatch` where the ones here differ."""
    loaded = load(profile.name, threads=threads, models=models)
    if profile.fusion.single:
        loaded = loaded.of_one_modality()
    if loaded.profile.fingerprint != profile.fingerprint:
        raise ProfileMismatch(
            f"the table was encoded by profile {profile.name} {profile.fingerprint}, this installation holds"
            f" {loaded.profile.fingerprint}: install the release that encoded it, or index again (mmpipe live"
            f" reindex --profile {profile.name}, then mmpipe live switch)"
        )
    return loaded
