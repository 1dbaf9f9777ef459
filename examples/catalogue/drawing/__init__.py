"""How the sample's pictures are drawn: geometry, shading, patterns, and one function per category."""
