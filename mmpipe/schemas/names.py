"""What ids and names may look like. Apart from the models, so that light code can check a name cheaply."""

from __future__ import annotations

import re

PRODUCT_ID_PATTERN = re.compile(r"^[\w][\w.:@+-]{0,127}$")
# "models" beside the collections is the lake's model registry.
COLLECTION_PATTERN = re.compile(r"^(?!models$)[a-z0-9][a-z0-9_-]{0,62}$")
