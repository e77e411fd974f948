//! A row of cells as bytes of the first plane: bits to levels and back, eight cells a word.

use super::code::CELLS;
use super::{Levels, NEUTRAL, sampling};
use crate::frame::PixelFormat;

/// The widest pixel, in bytes.
const MAX_STEP: usize = 4;
/// Cells in a word.
const LANES: usize = 8;

/// One in each byte.
const ONES: u64 = u64::from_ne_bytes([1; LANES]);
/// The seven lowest bits of each byte.
const LOW_SEVEN: u64 = 0x7f * ONES;
/// Bit 7 in the first cell's byte to bit 0 in the last one's.
const DIAGONAL: u64 = 0x8040_2010_0804_0201;
/// Times this, bit 0 of byte `i` is bit `56 + i` of the product, and nothing carries into it.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// The 24 lowest of `bits` as pixels of the first plane, as many bytes as they take.
pub(super) fn write(format: PixelFormat, levels: Levels, bits: u32) -> [u8; CELLS * MAX_STEP] {
    let cells = spread(levels, bits);
    match format {
        PixelFormat::Yuv420p | PixelFormat::Nv12 | PixelFormat::Gray8 => pixels(cells, |cell| [cell]),
        PixelFormat::Yuyv422 => pixels(cells, |cell| [cell, NEUTRAL]),
        PixelFormat::Rgb24 | PixelFormat::Bgr24 => pixels(cells, |cell| [cell; 3]),
        PixelFormat::Rgba | PixelFormat::Bgra => pixels(cells, |cell| [cell, cell, cell, u8::MAX]),
    }
}

#[inline(always)]
fn pixels<const STEP: usize>(cells: [u8; CELLS], pixel: impl Fn(u8) -> [u8; STEP]) -> [u8; CELLS * MAX_STEP] {
    let mut row = [0; CELLS * MAX_STEP];
    for (target, cell) in row.as_chunks_mut().0.iter_mut().zip(cells) {
        *target = pixel(cell);
    }
    row
}

/// The first 24 pixels of `row` as bits: 1 where the byte that tells reaches the threshold.
///
/// # Panics
/// If `row` has fewer pixels.
#[inline]
pub(super) fn read(format: PixelFormat, levels: Levels, row: &[u8]) -> u32 {
    let (step, offset) = sampling(format);
    let cells = match step {
        1 => pick::<1>(row, offset),
        2 => pick::<2>(row, offset),
        3 => pick::<3>(row, offset),
        _ => pick::<MAX_STEP>(row, offset),
    };
    threshold(levels, cells)
}

#[inline(always)]
fn pick<const STEP: usize>(row: &[u8], offset: usize) -> [u8; CELLS] {
    let pixels = row[..CELLS * STEP].as_chunks::<STEP>().0;
    std::array::from_fn(|i| pixels[i][offset])
}

/// Bits to cells, the highest bit first.
#[inline]
fn spread(levels: Levels, bits: u32) -> [u8; CELLS] {
    let mut cells = [0; CELLS];
    let [_, octets @ ..] = bits.to_be_bytes();
    for (target, octet) in cells.as_chunks_mut::<LANES>().0.iter_mut().zip(octets) {
        // Each byte keeps its own bit; adding 127 carries that bit, whichever it is, into bit 7.
        let own = (u64::from(octet) * ONES) & DIAGONAL;
        let high = ((own + LOW_SEVEN) >> 7) & ONES;
        *target = (u64::from(levels.low) * ONES + u64::from(levels.high - levels.low) * high).to_be_bytes();
    }
    cells
}

/// Cells to bits, the first one the highest.
#[inline]
fn threshold(levels: Levels, cells: [u8; CELLS]) -> u32 {
    cells.as_chunks::<LANES>().0.iter().fold(0, |bits, cells| {
        // A byte reaches a threshold of at most 128 if its bit 7 is set, or its other seven reach it.
        let word = u64::from_be_bytes(*cells);
        let reached = word | ((word & LOW_SEVEN) + u64::from(128 - levels.threshold) * ONES);
        bits << LANES | (((reached >> 7) & ONES).wrapping_mul(GATHER) >> 56) as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Levels; 2] = [Levels::FULL, Levels::LIMITED];

    #[test]
    fn each_bit_is_its_own_cell() {
        for levels in LEVELS {
            for bits in (0..1 << 16).flat_map(|bits| [bits, bits << 8 ^ 0x5a]) {
                let expected = std::array::from_fn(|i| {
                    if bits >> (CELLS - 1 - i) & 1 == 1 { levels.high } else { levels.low }
                });
                assert_eq!(spread(levels, bits), expected, "{bits:#x}");
            }
        }
    }

    #[test]
    fn each_cell_is_its_own_bit() {
        for levels in LEVELS {
            for (value, others, i) in (0..=255).flat_map(|v| {
                [0, 125, 128, 255].into_iter().flat_map(move |o| (0..CELLS).map(move |i| (v, o, i)))
            }) {
                let mut cells = [others; CELLS];
                cells[i] = value;
                let expected = cells.iter().fold(0, |bits, &c| bits << 1 | u32::from(c >= levels.threshold));
                assert_eq!(threshold(levels, cells), expected, "{value} among {others} at {i}");
            }
        }
    }

    #[test]
    fn every_format_reads_what_it_wrote() {
        for format in PixelFormat::ALL {
            for levels in LEVELS {
                for bits in [0, 0xff_ffff, 0xa5_a5a5, 0x12_3456, 1, 0x80_0000] {
                    assert_eq!(read(format, levels, &write(format, levels, bits)), bits, "{format}");
                }
            }
        }
    }
}
