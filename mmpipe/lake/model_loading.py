"""A profile's models, wherever they are: part of the installation, published ones on disk, or in the lake.

Every room above loads profiles through here, so that a model registered in a lake is found by everything
that works on that lake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmpipe import fusion
from mmpipe.encoders import registry
from mmpipe.encoders.registry import LoadedEncoders
from mmpipe.errors import InvalidRequest, ModelUnavailable, ProfileMismatch
from mmpipe.lake.models import ModelRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from mmpipe.encoders.base import Profile
    from mmpipe.fusion import Fusion
    from mmpipe.lake.models import RegisteredModel
    from mmpipe.settings import Settings


def registry_of(settings: Settings) -> ModelRegistry:
    """The registry of the lake these settings name."""
    return ModelRegistry(settings.lake.uri, settings.storage, settings.models)


def load_profile(
    name: str, settings: Settings, *, revision: str | None = None, threads: int | None = None
) -> LoadedEncoders:
    """Load a profile by its name: a built-in or published one, else one registered in the lake, the newest
    unless ``revision`` names another. Where the settings index one modality only, as a profile for that.

    Raises ``ModelUnavailable`` for an unknown name or revision, a missing extra, missing or damaged weights;
    ``InvalidRequest`` for a revision of a profile that is no lake's.
    """
    if registry.is_known(name):
        if revision is not None:
            raise InvalidRequest("revision", f"{name!r} is no model of the lake and has none: leave it out")
        loaded = registry.load(name, threads=threads, models=settings.models)
    else:
        models = registry_of(settings)
        loaded = _load(models, _registered_as(models, name, revision), threads)
    indexed = loaded.encoders.keys() & set(settings.indexing.modalities)
    return loaded.of_one_modality() if len(indexed) == 1 else loaded


def load_exactly(profile: Profile, settings: Settings, *, threads: int | None = None) -> LoadedEncoders:
    """Load the models that encoded a table, whichever revision of a registered profile that was.

    Raises ``ProfileMismatch`` where the ones at hand differ, ``ModelUnavailable``.
    """
    if registry.is_known(profile.name):
        return registry.load_exactly(profile, threads=threads, models=settings.models)
    models = registry_of(settings)
    loaded = _load(models, _registered(models, profile), threads)
    return loaded.of_one_modality() if profile.fusion.single else loaded


def fusion_of(profile: Profile, settings: Settings) -> Fusion:
    """The fusion of a table's profile, without its encoders. Raises as :func:`load_exactly` does."""
    if profile.fusion.kind == "weighted_mean" or registry.is_known(profile.name):
        return fusion.load(profile.fusion)
    models = registry_of(settings)
    return fusion.load(profile.fusion, models.fetch(_registered(models, profile)))


def carry(name: str, source: Settings, target: Settings) -> None:
    """Register a profile's newest revision in another lake too, a temporary one for example.

    A profile that is no lake's needs nothing. Raises ``ModelUnavailable`` for an unknown name.
    """
    if registry.is_known(name):
        return
    models = registry_of(source)
    model = _registered_as(models, name)
    registry_of(target).register(
        name,
        models.fetch(model),
        kind=model.kind,
        metrics=model.metrics,
        data_fingerprint=model.data_fingerprint,
        parent=model.parent,
    )


def _registered_as(models: ModelRegistry, name: str, revision: str | None = None) -> RegisteredModel:
    try:
        return models.get(name, revision)
    except ModelUnavailable as error:
        known = ", ".join(registry.known_profiles())
        raise ModelUnavailable(f"{error}; profiles of mmpipe itself: {known}, text:OWNER/MODEL") from error


def _registered(models: ModelRegistry, profile: Profile) -> RegisteredModel:
    found = models.with_fingerprint(profile.name, profile.of_one_modality(False).fingerprint)
    if found is not None:
        return found
    here = [model.profile_fingerprint for model in models.revisions(profile.name)]
    if not here:
        raise ModelUnavailable(
            f"profile '{profile.name}' is not registered in {models.uri}: register the model again"
            " from the folder it was trained into"
        )
    raise ProfileMismatch(
        f"the table was encoded by profile {profile.name} {profile.fingerprint}, the lake's registry holds"
        f" {', '.join(here[:5])}: register that model again, or reindex by one of these"
    )


def _load(models: ModelRegistry, model: RegisteredModel, threads: int | None) -> LoadedEncoders:
    if model.kind != "starter":
        raise ModelUnavailable(
            f"model {model.name!r} is a {model.kind}, which encodes nothing: name a profile"
        )
    folder: Path = models.fetch(model)
    loaded = registry.load_folder(model.name, folder, threads=threads)
    if loaded.profile.fingerprint != model.profile_fingerprint:
        # The same files, read by a release that describes them otherwise.
        raise ProfileMismatch(
            f"model {model.name} {model.revision} was registered as profile {model.profile_fingerprint} and"
            f" loads here as {loaded.profile.fingerprint}: register it again with this release of mmpipe"
            f" (mmpipe models register {model.name}), and reindex by it"
        )
    return loaded
