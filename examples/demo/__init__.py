"""``make demo``: the main job once, on this machine, with everything checked."""
