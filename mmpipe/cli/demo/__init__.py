"""``mmpipe demo``: the main job once, on this machine, with everything checked."""

from mmpipe.cli.demo.command import demo

__all__ = ["demo"]
