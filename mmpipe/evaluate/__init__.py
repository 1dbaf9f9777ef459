"""Metrics, and runs of them over judged query sets through the real pipeline."""
