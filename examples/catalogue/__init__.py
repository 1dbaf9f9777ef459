"""The sample catalogue: about 600 products, drawn, filmed and voiced by code, with planted faults.

Everything follows from a seed. The same seed gives the same bytes on the same versions of
Pillow, numpy and PyAV.
"""
