"""XXH64 with seed 0, as its published description has it."""

_MASK = (1 << 64) - 1
_PRIME1 = 0x9E3779B185EBCA87
_PRIME2 = 0xC2B2AE3D27D4EB4F
_PRIME3 = 0x165667B19E3779F9
_PRIME4 = 0x85EBCA77C2B2AE63
_PRIME5 = 0x27D4EB2F165667C5


def _rotate(value: int, by: int) -> int:
    return ((value << by) | (value >> (64 - by))) & _MASK


def _round(lane: int, word: int) -> int:
    return _rotate((lane + word * _PRIME2) & _MASK, 31) * _PRIME1 & _MASK


def xxh64(data: bytes) -> int:
    at = 0
    digest = _PRIME5
    if len(data) >= 32:
        lanes = [(_PRIME1 + _PRIME2) & _MASK, _PRIME2, 0, -_PRIME1 & _MASK]
        while at + 32 <= len(data):
            for lane in range(4):
                start = at + 8 * lane
                lanes[lane] = _round(lanes[lane], int.from_bytes(data[start : start + 8], "little"))
            at += 32
        digest = sum(_rotate(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18))) & _MASK
        for lane in lanes:
            digest = ((digest ^ _round(0, lane)) * _PRIME1 + _PRIME4) & _MASK
    digest = (digest + len(data)) & _MASK
    while at + 8 <= len(data):
        word = int.from_bytes(data[at : at + 8], "little")
        digest = (_rotate(digest ^ _round(0, word), 27) * _PRIME1 + _PRIME4) & _MASK
        at += 8
    if at + 4 <= len(data):
        word = int.from_bytes(data[at : at + 4], "little")
        digest = (_rotate(digest ^ (word * _PRIME1 & _MASK), 23) * _PRIME2 + _PRIME3) & _MASK
        at += 4
    for byte in data[at:]:
        digest = _rotate(digest ^ (byte * _PRIME5 & _MASK), 11) * _PRIME1 & _MASK
    digest = (digest ^ (digest >> 33)) * _PRIME2 & _MASK
    digest = (digest ^ (digest >> 29)) * _PRIME3 & _MASK
    return digest ^ (digest >> 32)
