"""The tree of all sections, read from the environment, and what it says of each setting."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel
from pydantic_settings import BaseSettings, SettingsConfigDict

from mmpipe.settings.analytics import AnalyticsSettings
from mmpipe.settings.assistant import AssistantSettings
from mmpipe.settings.dispatch import DispatchSettings
from mmpipe.settings.feeds import FeedSettings
from mmpipe.settings.indexing import IndexingSettings
from mmpipe.settings.interactions import InteractionSettings
from mmpipe.settings.lake import LakeSettings
from mmpipe.settings.media import MediaSettings
from mmpipe.settings.models import ModelSettings
from mmpipe.settings.privacy import PrivacySettings
from mmpipe.settings.serve import ServeSettings
from mmpipe.settings.speech import SpeechSettings
from mmpipe.settings.sponsored import SponsoredSettings
from mmpipe.settings.stock import StockSettings
from mmpipe.settings.storage import StorageSettings
from mmpipe.settings.suggest import SuggestSettings
from mmpipe.settings.ucp import UcpSettings


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(
        env_prefix="MMPIPE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    storage: StorageSettings = StorageSettings()
    media: MediaSettings = MediaSettings()
    feeds: FeedSettings = FeedSettings()
    indexing: IndexingSettings = IndexingSettings()
    lake: LakeSettings = LakeSettings()
    interactions: InteractionSettings = InteractionSettings()
    dispatch: DispatchSettings = DispatchSettings()
    serve: ServeSettings = ServeSettings()
    models: ModelSettings = ModelSettings()
    speech: SpeechSettings = SpeechSettings()
    stock: StockSettings = StockSettings()
    sponsored: SponsoredSettings = SponsoredSettings()
    suggest: SuggestSettings = SuggestSettings()
    assistant: AssistantSettings = AssistantSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    privacy: PrivacySettings = PrivacySettings()
    ucp: UcpSettings = UcpSettings()


def describe(model: type[BaseModel], prefix: str = "MMPIPE_") -> Iterator[tuple[str, str, str]]:
    """Every leaf of a settings tree as (environment variable, default, meaning), in order."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from describe(field.annotation, f"{variable}__")
        else:
            default = field.get_default(call_default_factory=True)
            yield variable, f"`{default!r}`", field.description or ""


def load_settings() -> Settings:
    """Read ``MMPIPE_*`` once. Raises pydantic's ``ValidationError`` naming the setting."""
    return Settings()
