"""Every setting, in one tree. ``MMPIPE_SERVE__PORT=9000`` sets ``settings.serve.port``.

Nothing reads the environment at import: an entry point calls :func:`load_settings` once and passes the
result down.
"""

from __future__ import annotations

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
from mmpipe.settings.tree import Settings, describe, load_settings
from mmpipe.settings.ucp import UcpSettings

__all__ = [
    "AnalyticsSettings",
    "AssistantSettings",
    "DispatchSettings",
    "FeedSettings",
    "IndexingSettings",
    "InteractionSettings",
    "LakeSettings",
    "MediaSettings",
    "ModelSettings",
    "PrivacySettings",
    "ServeSettings",
    "Settings",
    "SpeechSettings",
    "SponsoredSettings",
    "StockSettings",
    "StorageSettings",
    "SuggestSettings",
    "UcpSettings",
    "describe",
    "load_settings",
]
