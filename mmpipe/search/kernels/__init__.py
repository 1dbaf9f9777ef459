"""Compiled passes over the columns of a version, without the interpreter lock."""
