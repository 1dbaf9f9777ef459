"""Compiled passes over a collection's behaviour, without the interpreter lock."""
