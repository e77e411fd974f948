//! A row of cells as bytes of the first plane: bits to levels and back, eight cells a word.

use super::code::{CELLS, ROWS};
use super::levels::{Cell, Levels, NEUTRAL, sampling};
use crate::format::PixelFormat;

/// Cells in a word.
const LANES: usize = 8;

/// One in each byte.
const ONES: u64 = u64::from_ne_bytes([1; LANES]);
/// The seven lowest bits of each byte.
const LOW_SEVEN: u64 = 0x7f * ONES;
/// Times this, bit 0 of byte `i` is bit `56 + i` of the product, and nothing carries into it.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// Gives `put` the 24 lowest of `bits` as pixels of the first plane, the highest bit first.
pub(super) fn write(format: PixelFormat, levels: Levels, bits: u32, mut put: impl FnMut(&[u8])) {
    // One call per length, so that each copies whole words, not a variable number of bytes.
    match format {
        PixelFormat::Yuv420p | PixelFormat::Nv12 | PixelFormat::Gray8 => {
            put(spread(levels, bits, [None]).as_flattened().as_flattened());
        }
        PixelFormat::Yuyv422 => {
            put(spread(levels, bits, [None, Some(NEUTRAL)]).as_flattened().as_flattened());
        }
        PixelFormat::Rgb24 | PixelFormat::Bgr24 => {
            put(spread(levels, bits, [None; 3]).as_flattened().as_flattened());
        }
        PixelFormat::Rgba | PixelFormat::Bgra => {
            put(spread(levels, bits, [None, None, None, Some(u8::MAX)]).as_flattened().as_flattened());
        }
    }
}

/// Bits to pixels whose bytes are the cell's level, or what `fixed` says.
#[inline(always)]
fn spread<const STEP: usize>(
    levels: Levels,
    bits: u32,
    fixed: [Option<u8>; STEP],
) -> [[[u8; LANES]; STEP]; CELLS / LANES] {
    let [_, octets @ ..] = bits.to_be_bytes();
    let low = u64::from(levels.low) * ONES;
    let gain = u64::from(levels.high - levels.low);
    octets.map(|octet| {
        std::array::from_fn(|word| {
            // A mask of the bit that each byte shows. Adding 127 carries that bit, whichever it is, into bit
            // 7.
            let shown = u64::from_be_bytes(std::array::from_fn(|i| 0x80 >> ((LANES * word + i) / STEP)));
            let high = ((((u64::from(octet) * ONES) & shown) + LOW_SEVEN) >> 7) & ONES;
            let mut bytes = (low + gain * high).to_be_bytes();
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = fixed[(LANES * word + i) % STEP].unwrap_or(*byte);
            }
            bytes
        })
    })
}

/// The first 24 cells of each row as bits: 1 where luma or red of the pixel in its middle reaches the threshold.
///
/// # Panics
/// If a row has fewer pixels.
pub(super) fn read(format: PixelFormat, levels: Levels, cell: Cell, rows: [&[u8]; ROWS]) -> [u32; ROWS] {
    // One loop per step: a shared one would read byte by byte.
    match (cell, sampling(format)) {
        (Cell::PIXEL, (1, _)) => read_rows::<1>(0, levels, rows),
        (Cell::PIXEL, (2, offset)) => read_rows::<2>(offset, levels, rows),
        (Cell::PIXEL, (3, offset)) => read_rows::<3>(offset, levels, rows),
        (Cell::PIXEL, (_, offset)) => read_rows::<4>(offset, levels, rows),
        (_, (step, offset)) => {
            let at = |i| (i * cell.side() + cell.side() / 2) * step + offset;
            rows.map(|row| threshold(levels, std::array::from_fn(|i| row[at(i)])))
        }
    }
}

#[inline(never)]
fn read_rows<const STEP: usize>(offset: usize, levels: Levels, rows: [&[u8]; ROWS]) -> [u32; ROWS] {
    rows.map(|row| {
        let pixels = row[..CELLS * STEP].as_chunks::<STEP>().0;
        threshold(levels, std::array::from_fn(|i| pixels[i][offset]))
    })
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
    fn each_bit_is_its_own_pixel() {
        for levels in LEVELS {
            for bits in (0..1 << 16)
                .step_by(if cfg!(miri) { 16_001 } else { 1 })
                .flat_map(|bits| [bits, bits << 8 ^ 0x5a])
            {
                let cells: [u8; CELLS] = std::array::from_fn(|i| {
                    if bits >> (CELLS - 1 - i) & 1 == 1 { levels.high } else { levels.low }
                });
                let is = |format, expected: &[u8]| {
                    write(format, levels, bits, |row| assert_eq!(row, expected, "{format} {bits:#x}"));
                };
                is(PixelFormat::Gray8, &cells);
                is(PixelFormat::Yuyv422, cells.map(|cell| [cell, 128]).as_flattened());
                is(PixelFormat::Rgb24, cells.map(|cell| [cell; 3]).as_flattened());
                is(PixelFormat::Bgra, cells.map(|cell| [cell, cell, cell, 255]).as_flattened());
            }
        }
    }

    #[test]
    fn each_cell_is_its_own_bit() {
        for levels in LEVELS {
            for (value, others, i) in (0..=255).step_by(if cfg!(miri) { 127 } else { 1 }).flat_map(|v| {
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
                    write(format, levels, bits, |row| {
                        assert_eq!(read(format, levels, Cell::PIXEL, [row; ROWS]), [bits; ROWS], "{format}");
                        assert_eq!(row.len(), CELLS * sampling(format).0);
                    });
                }
            }
        }
    }
}
