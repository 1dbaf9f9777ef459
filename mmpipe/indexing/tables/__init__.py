"""Whole tables: by which models they are filled, copying, switching, upkeep.

``following`` finds the models of the table that is live, by which uploads are encoded; ``copy`` carries rows
into the table of other models, ``switch`` moves readers there and back while uploads go on; ``upkeep``
maintains tables and records and publishes the result.
"""
