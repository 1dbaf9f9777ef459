"""The kinds of sound that the starter's audio tower knows."""

from __future__ import annotations

# What a clip of each kind is filed under: words a shopper may type, in both languages.
CAPTIONS: dict[str, tuple[str, ...]] = {
    "bell": ("bicycle bell", "bicycle", "bell", "自行车", "铃铛"),
    "pluck": ("guitar", "acoustic guitar", "guitar sound", "吉他"),
    "beat": ("speaker", "drum", "music speaker", "音箱", "鼓"),
    "alarm": ("digital watch", "watch", "alarm", "手表", "闹钟"),
    "motor": ("toy car", "car", "engine sound", "玩具车", "汽车"),
    "whistle": ("kettle", "whistling kettle", "水壶", "烧水壶"),
    "shutter": ("camera", "camera shutter", "相机", "照相机"),
    "chime": ("phone", "smartphone", "phone chime", "手机"),
    "ring": ("alarm clock", "clock", "ringing clock", "闹钟", "时钟"),
    "flute": ("flute", "recorder", "长笛"),
    "piano": ("piano", "digital piano", "钢琴"),
    "water": ("coffee machine", "water", "咖啡机"),
    "spoken": ("spoken introduction", "voice", "someone speaking", "语音介绍"),
}
