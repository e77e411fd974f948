//! Any geometry over any memory: accepted if and only if every byte of every row lies inside, rows apart.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use realtime_fast_core::Error;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::{Frame, FrameMut};
use realtime_fast_core::plane::{Plane, PlaneMut};
use realtime_fast_core::size::{MAX_SIDE, Size};

#[derive(Arbitrary, Debug)]
struct Input {
    data: Vec<u8>,
    row_bytes: usize,
    rows: usize,
    stride: usize,
    size: (usize, usize),
    format: u8,
}

/// Rows without bytes can be many.
const LOOKED_AT: usize = 1000;

fuzz_target!(|input: Input| {
    let Input { mut data, row_bytes, rows, stride, size, format } = input;
    // Half of the time sizes that have a chance to fit.
    let small = |value: usize| if value % 2 == 0 { value / 2 % 64 } else { value };
    let (row_bytes, rows, stride) = (small(row_bytes), small(rows), small(stride));

    // In numbers that cannot overflow.
    let needed = if rows == 0 { 0 } else { stride as u128 * (rows as u128 - 1) + row_bytes as u128 };
    let judgement = if rows > 1 && stride < row_bytes {
        Some(Error::Stride { plane: "any", row_bytes, got: stride })
    } else if needed > data.len() as u128 {
        let expected = usize::try_from(needed).unwrap_or(usize::MAX);
        Some(Error::Length { plane: "any", expected, got: data.len() })
    } else {
        None
    };
    let plane = Plane::new("any", &data, row_bytes, rows, stride);
    assert_eq!(plane.as_ref().err(), judgement.as_ref());
    for y in plane.iter().flat_map(|_| 0..rows.min(LOOKED_AT)) {
        let row = plane.as_ref().expect("iterated").row(y);
        assert_eq!((row.as_ptr() as usize - data.as_ptr() as usize, row.len()), (y * stride, row_bytes));
    }

    let (width, height) = (small(size.0), small(size.1));
    let sides = 1..=MAX_SIDE;
    let size = Size::new(width, height);
    assert_eq!(size.is_ok(), sides.contains(&width) && sides.contains(&height));
    if let Ok(size) = size {
        let format = PixelFormat::ALL[usize::from(format) % PixelFormat::ALL.len()];
        let frame = Frame::packed(format, size, &data);
        assert_eq!(frame.is_ok(), data.len() >= format.packed_bytes(size));
        let mut bytes = 0;
        for plane in frame.iter().flat_map(Frame::planes) {
            assert_eq!(plane.row(plane.rows() - 1).len(), plane.row_bytes());
            bytes += plane.rows() * plane.row_bytes();
        }
        assert!(frame.is_err() || bytes == format.packed_bytes(size));
        if let Ok(plane) = plane {
            let fits = format.plane_names().len() == 1 && format.plane_shape(size, 0) == (rows, row_bytes);
            assert_eq!(Frame::new(format, size, [plane]).is_ok(), fits);
        }
        let is_ok = frame.is_ok();
        assert_eq!(FrameMut::packed(format, size, &mut data).is_ok(), is_ok);
    }

    let plane = PlaneMut::new("any", &mut data, row_bytes, rows, stride);
    assert_eq!(plane.as_ref().err(), judgement.as_ref(), "reading and writing judge alike");
    if let Ok(mut plane) = plane {
        for y in 0..rows.min(LOOKED_AT) {
            let (first, second) = plane.row_pair_mut(y);
            assert_eq!(first.len(), row_bytes);
            assert_eq!(second.map(|row| row.len()), (y + 1 < rows).then_some(row_bytes));
        }
    }
});
