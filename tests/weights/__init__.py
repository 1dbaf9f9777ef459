"""Published weights for once: what needs a package of some 80 MB, so it has a target of its own."""
