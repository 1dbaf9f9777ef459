"""The encoder room: modality in, unit vectors out. See :mod:`mmpipe.encoders.base`."""
