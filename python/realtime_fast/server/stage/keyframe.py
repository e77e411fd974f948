"""Where a key frame begins, read from RTP payloads without putting the picture together."""

from __future__ import annotations

_IDR, _SPS, _STAP_A, _FU_A = 5, 7, 24, 28


def starts_key_frame(codec: str, payload: bytes) -> bool:
    """Whether a packet is the first of a key frame.

    Args:
        codec: `VP8` or `H264` in any case; other codecs have no such packets, so every packet will do.
        payload: The RTP payload.
    """
    match codec.upper():
        case "VP8":
            return _vp8(payload)
        case "H264":
            return _h264(payload)
        case _:
            return True


def _h264(payload: bytes) -> bool:
    """Parameter sets open a key frame, or its first slice does where they came before (RFC 6184)."""
    if not payload:
        return False
    kind = payload[0] & 0x1F
    if kind == _STAP_A:
        position = 1
        while position + 2 < len(payload):
            if payload[position + 2] & 0x1F in (_SPS, _IDR):
                return True
            position += 2 + int.from_bytes(payload[position : position + 2])
        return False
    if kind == _FU_A:
        return len(payload) > 1 and bool(payload[1] & 0x80) and payload[1] & 0x1F in (_SPS, _IDR)
    return kind in (_SPS, _IDR)


def _vp8(payload: bytes) -> bool:
    """The first packet of partition 0 whose frame header says key frame (RFC 7741; RFC 6386, section 9.1)."""
    if len(payload) < 2 or payload[0] & 0x17 != 0x10:  # S set, partition 0
        return False
    position = 1
    if payload[0] & 0x80:
        extended, position = payload[1], 2
        if extended & 0x80:  # picture id, one byte or two
            position += 2 if position < len(payload) and payload[position] & 0x80 else 1
        position += bool(extended & 0x40)  # TL0PICIDX
        position += bool(extended & 0x30)  # TID, KEYIDX
    return position < len(payload) and not payload[position] & 0x01
