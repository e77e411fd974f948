//! The marker as its description has it, cell by cell and vote by vote: what stamping and reading must equal.

use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::{Frame, FrameMut};
use realtime_fast_core::marker::{Levels, Reading};

const WIDTH: usize = 24;
const HEIGHT: usize = 4;

/// High, low and the least value that is read as high.
fn levels_of(levels: Levels) -> (u8, u8, u8) {
    if levels == Levels::FULL { (200, 50, 128) } else { (188, 59, 126) }
}

/// XOR of the four nibbles.
fn checksum(seq: u16) -> u16 {
    (seq >> 12) ^ (seq >> 8 & 15) ^ (seq >> 4 & 15) ^ (seq & 15)
}

fn is_high(seq: u16, cell: usize) -> bool {
    match cell {
        0..4 => [0, 2].contains(&cell),
        4..20 => seq >> (19 - cell) & 1 == 1,
        _ => checksum(seq) >> (23 - cell) & 1 == 1,
    }
}

/// Writes the marker.
pub fn stamp(frame: &mut FrameMut<'_>, levels: Levels, side: usize, seq: u16) {
    let (format, height) = (frame.format(), frame.size().height);
    let (high, low, _) = levels_of(levels);
    let [first, chroma @ ..] = frame.planes_mut() else { panic!("a plane") };
    for y in height - HEIGHT * side..height {
        let row = first.row_mut(y);
        for x in 0..WIDTH * side {
            let value = if is_high(seq, x / side) { high } else { low };
            match format {
                PixelFormat::Yuv420p | PixelFormat::Nv12 | PixelFormat::Gray8 => row[x] = value,
                PixelFormat::Yuyv422 => row[2 * x..2 * x + 2].copy_from_slice(&[value, 128]),
                PixelFormat::Rgb24 | PixelFormat::Bgr24 => row[3 * x..3 * x + 3].fill(value),
                PixelFormat::Rgba | PixelFormat::Bgra => {
                    row[4 * x..4 * x + 4].copy_from_slice(&[value, value, value, 255]);
                }
            }
            for plane in &mut *chroma {
                let row = plane.row_mut(y / 2);
                if format == PixelFormat::Nv12 { row[x] = 128 } else { row[x / 2] = 128 }
            }
        }
    }
}

/// Reads the luma or the red in the middle of each cell of the bottom left corner.
pub fn read(frame: &Frame<'_>, levels: Levels, side: usize) -> Reading {
    let (_, _, threshold) = levels_of(levels);
    let (step, offset) = match frame.format() {
        PixelFormat::Yuv420p | PixelFormat::Nv12 | PixelFormat::Gray8 => (1, 0),
        PixelFormat::Yuyv422 => (2, 0),
        PixelFormat::Rgb24 => (3, 0),
        PixelFormat::Bgr24 => (3, 2),
        PixelFormat::Rgba => (4, 0),
        PixelFormat::Bgra => (4, 2),
    };
    let height = frame.size().height;
    let rows = (0..HEIGHT).map(|y| {
        let row = frame.planes()[0].row(height - HEIGHT * side + y * side + side / 2);
        (0..WIDTH).map(|x| row[(x * side + side / 2) * step + offset] >= threshold).collect::<Vec<_>>()
    });
    let rows: Vec<_> = rows.filter(|row| row[..4] == [true, false, true, false]).collect();
    if rows.is_empty() {
        return Reading::Absent;
    }
    let voted = |cell: usize| rows.iter().filter(|row| row[cell]).count() * 2 > rows.len();
    let bits = |cells: std::ops::Range<usize>| cells.fold(0, |bits, cell| bits * 2 + u16::from(voted(cell)));
    let seq = bits(4..20);
    if bits(20..24) == checksum(seq) { Reading::Number(seq) } else { Reading::Corrupted }
}
