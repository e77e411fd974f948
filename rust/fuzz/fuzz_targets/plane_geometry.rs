//! Any geometry over any memory: refused, or every row can be had.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use realtime_fast_core::frame::{Frame, PixelFormat, Size};
use realtime_fast_core::plane::{Plane, PlaneMut};

#[derive(Arbitrary, Debug)]
struct Input {
    data: Vec<u8>,
    row_bytes: usize,
    rows: usize,
    stride: usize,
    size: (usize, usize),
    format: u8,
}

fuzz_target!(|input: Input| {
    let Input { mut data, row_bytes, rows, stride, size, format } = input;
    // Half of the time sizes that have a chance to fit.
    let small = |value: usize| if value % 2 == 0 { value / 2 % 64 } else { value };
    let (row_bytes, rows, stride) = (small(row_bytes), small(rows), small(stride));
    let plane = Plane::new("any", &data, row_bytes, rows, stride);
    let is_ok = plane.is_ok();
    if let Ok(plane) = plane {
        // Rows without bytes can be many.
        assert!((0..rows.min(1000)).all(|y| plane.row(y).len() == row_bytes));
    }
    if let Ok(size) = Size::new(small(size.0), small(size.1)) {
        let format = PixelFormat::ALL[usize::from(format) % PixelFormat::ALL.len()];
        match Frame::packed(format, size, &data) {
            Ok(frame) => {
                for plane in frame.planes() {
                    assert_eq!(plane.row(plane.rows() - 1).len(), plane.row_bytes());
                }
            }
            Err(_) => assert!(data.len() < format.packed_bytes(size)),
        }
        if let Ok(plane) = Plane::new("any", &data, row_bytes, rows, stride) {
            let _ = Frame::new(format, size, &[plane]);
        }
    }
    match PlaneMut::new("any", &mut data, row_bytes, rows, stride) {
        Ok(mut plane) => {
            for y in 0..rows.min(1000) {
                let (first, second) = plane.row_pair_mut(y);
                assert_eq!(first.len(), row_bytes);
                assert_eq!(second.is_some(), y + 1 < rows);
            }
        }
        Err(_) => assert!(!is_ok, "reading and writing judge alike"),
    }
});
