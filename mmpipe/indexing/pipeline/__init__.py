"""Rows to table rows: what is due, its media, its vectors."""
