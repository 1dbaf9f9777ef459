#!/usr/bin/env bash
# Pillow 13.0.0 opens an AVIF file by its major brand alone (avif, avis, mif1, msf1). A file whose major brand is `miaf`
# (MIAF, ISO/IEC 23000-22) with `avif` among its compatible brands is a valid AVIF image file, which its own decoder
# (libavif) reads; Pillow raises UnidentifiedImageError for it. Cameras and converters write such files.
# Seen: brand avif ok, mif1 ok, miaf UnidentifiedImageError. Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
"$folder/venv/bin/python" - <<'PY'
import io

from PIL import Image, UnidentifiedImageError, features

assert features.check("avif"), "this wheel has no AVIF codec"
out = io.BytesIO()
Image.new("RGB", (64, 48), (200, 30, 40)).save(out, "AVIF")
seen = {}
for brand in (b"avif", b"mif1", b"miaf"):
    data = bytearray(out.getvalue())
    size = int.from_bytes(data[:4], "big")
    assert b"avif" in data[16:size], "avif stays among the compatible brands"
    data[8:12] = brand
    try:
        with Image.open(io.BytesIO(bytes(data))) as image:
            image.load()
            seen[brand.decode()] = "ok"
    except UnidentifiedImageError as error:
        seen[brand.decode()] = type(error).__name__
print(seen)
assert seen == {"avif": "ok", "mif1": "ok", "miaf": "UnidentifiedImageError"}, seen
PY
