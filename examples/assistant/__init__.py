"""A judged set for the assistant: a catalogue with what shoppers ask about, and turns with what is right.

``python -m examples.assistant FOLDER`` writes both, as ``mmpipe eval assistant`` reads them.
"""
