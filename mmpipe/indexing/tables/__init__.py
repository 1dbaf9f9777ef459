"""Whole tables: by which models they are filled, copying, switching, upkeep."""
