"""From candidates with scores to the list that is shown: who may be in it, in which order, and why."""
