"""Where results reach the lake, and readers the result.

``commit`` writes everything of one result in one version or nothing, by which also deletions are guarded
(``replace`` adds those of a whole catalogue, ``restock`` counts the stocks); ``together`` lets what several
threads have ready share a commit. ``freshness`` looks afterwards for media that were announced meanwhile;
``publish`` lets readers have it. ``journal`` is how far a large run is.
"""
