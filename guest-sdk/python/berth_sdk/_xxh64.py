"""XXH64 with seed 0, as its published description has it. Written out and not in small functions, since it is most of what a
decision costs in Python: each call is dear, and numbers above 60 bits are.
"""

import struct

_MASK = (1 << 64) - 1
_PRIME1 = 0x9E3779B185EBCA87
_PRIME2 = 0xC2B2AE3D27D4EB4F
_PRIME3 = 0x165667B19E3779F9
_PRIME4 = 0x85EBCA77C2B2AE63
_PRIME5 = 0x27D4EB2F165667C5

_LANES = ((_PRIME1 + _PRIME2) & _MASK, _PRIME2, 0, -_PRIME1 & _MASK)
_stripes = struct.Struct("<4Q")


def _round(lane: int, word: int) -> int:
    lane = (lane + word * _PRIME2) & _MASK
    return (lane << 31 | lane >> 33) * _PRIME1 & _MASK


def xxh64(data: bytes) -> int:
    size = len(data)
    at = size & ~31
    digest = _PRIME5
    if at:
        a, b, c, d = _LANES
        for first, second, third, fourth in _stripes.iter_unpack(data[:at]):
            a, b, c, d = _round(a, first), _round(b, second), _round(c, third), _round(d, fourth)
        digest = (a << 1 | a >> 63) + (b << 7 | b >> 57) + (c << 12 | c >> 52) + (d << 18 | d >> 46)
        for lane in (a, b, c, d):
            digest = ((digest ^ _round(0, lane)) * _PRIME1 + _PRIME4) & _MASK
    digest = (digest + size) & _MASK
    while at + 8 <= size:
        digest ^= _round(0, int.from_bytes(data[at : at + 8], "little"))
        digest = ((digest << 27 | digest >> 37) * _PRIME1 + _PRIME4) & _MASK
        at += 8
    if at + 4 <= size:
        digest ^= int.from_bytes(data[at : at + 4], "little") * _PRIME1 & _MASK
        digest = ((digest << 23 | digest >> 41) * _PRIME2 + _PRIME3) & _MASK
        at += 4
    for byte in data[at:]:
        digest ^= byte * _PRIME5 & _MASK
        digest = (digest << 11 | digest >> 53) * _PRIME1 & _MASK
    digest = (digest ^ (digest >> 33)) * _PRIME2 & _MASK
    digest = (digest ^ (digest >> 29)) * _PRIME3 & _MASK
    return digest ^ (digest >> 32)
