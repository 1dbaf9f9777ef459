"""InstantSearch's own widgets on mmpipe, in a browser: ``make test-widgets``."""
