"""Compiled passes over candidates and histories."""
