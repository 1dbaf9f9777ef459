"""Columns: the parts of fragments, mapped from disk, and what answers for all rows of a version by them."""
