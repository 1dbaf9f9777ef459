"""The contrastive trainer: a shop's own training (``mmpipe train``), on which the starter's recipe in
``training/`` is built too.

``adapt`` trains a profile's towers on a catalogue, ``fusion`` its fusion; ``retrain`` is the timetable's job.
``catalogue_data`` makes training items of any feed; ``loop``, ``losses``, ``views``, ``augment``,
``measures`` and ``export`` are what a training is made of.
"""
