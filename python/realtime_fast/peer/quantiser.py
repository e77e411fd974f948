"""What quantiser a picture was encoded with, read from its bits: how far the encoder was pressed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = 64
"""Bytes of a NAL unit that are looked at: parameter sets and slice headers of what is sent here are shorter."""
_SLICE, _KEY_SLICE, _SEQUENCE, _PICTURE = 1, 5, 7, 8
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_P, _B, _I, _SP, _SI = range(5)


class _UnreadError(Exception):
    """Syntax that is not read here, because nobody uses it in a call."""


def vp8_quantiser(frame: bytes) -> int | None:
    """The base quantiser index of a VP8 frame, 0 to 127 (`y_ac_qi`, RFC 6386 9.6 and 19.2); None if it is cut short."""
    if len(frame) < 10:
        return None
    key = not frame[0] & 1
    bits = _BoolDecoder(frame, 10 if key else 3)
    if key:
        bits.skip(2)  # colour space, clamping
    if bits.flag():  # segmentation
        update_map, update_data = bits.flag(), bits.flag()
        if update_data:
            bits.skip(1)
            bits.skip_optional(4, 8)  # quantiser: 7 bits and a sign
            bits.skip_optional(4, 7)  # loop filter: 6 bits and a sign
        if update_map:
            bits.skip_optional(3, 8)
    bits.skip(1 + 6 + 3)  # filter type, level, sharpness
    if bits.flag() and bits.flag():  # loop filter deltas, updated
        bits.skip_optional(8, 7)
    bits.skip(2)  # partitions
    return bits.read(7)


class _BoolDecoder:
    """The arithmetic decoder of RFC 6386 7.3, for bits of even probability: all that the head of a header needs."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._next = start + 2
        self._value = int.from_bytes(data[start : start + 2], "big")
        self._range = 255
        self._shifted = 0

    def flag(self) -> bool:
        split = 1 + (self._range - 1) // 2
        bit = self._value >= split << 8
        if bit:
            self._range -= split
            self._value -= split << 8
        else:
            self._range = split
        while self._range < 128:
            self._value <<= 1
            self._range <<= 1
            self._shifted += 1
            if self._shifted == 8:
                self._shifted = 0
                if self._next < len(self._data):  # beyond the end there are zeros
                    self._value |= self._data[self._next]
                self._next += 1
        return bit

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.flag()
        return value

    def skip(self, count: int) -> None:
        self.read(count)

    def skip_optional(self, values: int, size: int) -> None:
        for _ in range(values):
            if self.flag():
                self.skip(size)


def nal_units(unit: bytes) -> Iterator[tuple[int, int]]:
    """Where the NAL units of an access unit with start codes lie (Annex B): first byte and the one past the last."""
    start = unit.find(b"\0\0\1")
    while start >= 0:
        start += 3
        following = unit.find(b"\0\0\1", start)
        end = len(unit) if following < 0 else following
        while end > start and unit[end - 1] == 0:  # zeros before a start code belong to it
            end -= 1
        if end > start:
            yield start, end
        start = following


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What a slice header needs to know of its sequence parameter set (ITU-T H.264 7.3.2.1.1)."""

    separate_planes: bool
    frame_number_bits: int
    order_type: int
    order_bits: int
    order_always_zero: bool
    frames_only: bool


@dataclass(frozen=True, slots=True)
class _PictureSet:
    """What a slice header needs to know of its picture parameter set (7.3.2.2)."""

    sequence: int
    cabac: bool
    order_present: bool
    quantiser: int
    weighted: bool
    weighted_b: int
    redundant: bool


class H264Quantiser:
    """Reads the quantiser of H.264 pictures; it remembers the parameter sets that went before."""

    def __init__(self) -> None:
        self._sequences: dict[int, _Sequence] = {}
        self._pictures: dict[int, _PictureSet] = {}

    def of(self, unit: bytes) -> float | None:
        """The mean quantiser of the slices of an access unit (Annex B), 0 to 51; None where it cannot be told.

        A slice's is `26 + pic_init_qp_minus26 + slice_qp_delta`; macroblocks may differ from it.
        """
        found = []
        for start, end in nal_units(unit):
            kind = unit[start] & 0x1F
            if kind not in (_SLICE, _KEY_SLICE, _SEQUENCE, _PICTURE):
                continue
            # Three bytes after two zeros only keep start codes out (7.3.1).
            bits = _Bits(unit[start + 1 : min(end, start + _HEAD)].replace(b"\0\0\3", b"\0\0"))
            try:
                if kind == _SEQUENCE:
                    self._read_sequence(bits)
                elif kind == _PICTURE:
                    self._read_picture(bits)
                else:
                    found.append(self._slice_quantiser(bits, kind, unit[start] >> 5 & 3))
            except (EOFError, KeyError, _UnreadError):
                return None
        return sum(found) / len(found) if found else None

    def _read_sequence(self, bits: _Bits) -> None:
        profile = bits.read(8)
        bits.read(16)
        identity = bits.unsigned()
        separate = False
        if profile in _HIGH_PROFILES:
            if bits.unsigned() == 3:
                separate = bits.flag()
            bits.unsigned()
            bits.unsigned()
            bits.read(1)
            if bits.flag():
                raise _UnreadError("scaling lists")
        frame_number_bits = 4 + bits.unsigned()
        order_type, order_bits, always_zero = bits.unsigned(), 0, False
        if order_type == 0:
            order_bits = 4 + bits.unsigned()
        elif order_type == 1:
            always_zero = bits.flag()
            bits.signed()
            bits.signed()
            for _ in range(bits.unsigned()):
                bits.signed()
        bits.unsigned()
        bits.read(1)
        bits.unsigned()
        bits.unsigned()
        self._sequences[identity] = _Sequence(
            separate, frame_number_bits, order_type, order_bits, always_zero, bits.flag()
        )

    def _read_picture(self, bits: _Bits) -> None:
        identity, sequence = bits.unsigned(), bits.unsigned()
        cabac, order_present = bits.flag(), bits.flag()
        if bits.unsigned():
            raise _UnreadError("slice groups")
        bits.unsigned()
        bits.unsigned()
        weighted, weighted_b = bits.flag(), bits.read(2)
        quantiser = 26 + bits.signed()
        bits.signed()
        bits.signed()
        bits.read(2)
        self._pictures[identity] = _PictureSet(
            sequence, cabac, order_present, quantiser, weighted, weighted_b, bits.flag()
        )

    def _slice_quantiser(self, bits: _Bits, kind: int, reference: int) -> int:
        """The slice header up to `slice_qp_delta` (7.3.3)."""
        bits.unsigned()
        slice_type = bits.unsigned() % 5
        picture = self._pictures[bits.unsigned()]
        sequence = self._sequences[picture.sequence]
        if sequence.separate_planes:
            bits.read(2)
        bits.read(sequence.frame_number_bits)
        field = not sequence.frames_only and bits.flag()
        if field:
            bits.read(1)
        if kind == _KEY_SLICE:
            bits.unsigned()
        if sequence.order_type == 0:
            bits.read(sequence.order_bits)
            if picture.order_present and not field:
                bits.signed()
        elif sequence.order_type == 1 and not sequence.order_always_zero:
            bits.signed()
            if picture.order_present and not field:
                bits.signed()
        if picture.redundant:
            bits.unsigned()
        if slice_type == _B:
            bits.read(1)
        intra = slice_type in (_I, _SI)
        if not intra and bits.flag():
            for _ in range(2 if slice_type == _B else 1):
                bits.unsigned()
        for _ in range(0 if intra else 2 if slice_type == _B else 1):
            if bits.flag():
                while bits.unsigned() != 3:
                    bits.unsigned()
        if (picture.weighted and slice_type in (_P, _SP)) or (picture.weighted_b == 1 and slice_type == _B):
            raise _UnreadError("prediction weights")
        if reference:
            _skip_reference_marking(bits, kind)
        if picture.cabac and not intra:
            bits.unsigned()
        return picture.quantiser + bits.signed()


def _skip_reference_marking(bits: _Bits, kind: int) -> None:
    """`dec_ref_pic_marking` (7.3.3.3)."""
    if kind == _KEY_SLICE:
        bits.read(2)
    elif bits.flag():
        while operation := bits.unsigned():
            if operation != 5:
                bits.unsigned()
            if operation == 3:
                bits.unsigned()


class _Bits:
    """Bits and Exp-Golomb codes from the front (ITU-T H.264 7.2, 9.1)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        if count > self._left:
            raise EOFError(f"{count} bits wanted, {self._left} left")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def flag(self) -> bool:
        return bool(self.read(1))

    def unsigned(self) -> int:
        rest = self._value & (1 << self._left) - 1
        zeros = self._left - rest.bit_length()
        if 2 * zeros + 1 > self._left:
            raise EOFError(f"a code of {2 * zeros + 1} bits wanted, {self._left} left")
        self._left -= zeros
        return self.read(zeros + 1) - 1

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)
