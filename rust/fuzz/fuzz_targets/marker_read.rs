//! Both readers on any plane, at any scale: no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use realtime_fast_core::frame::{PixelFormat, Size};
use realtime_fast_core::marker::{Candidate, Levels, read_hard, read_soft};
use realtime_fast_core::plane::Plane;

fuzz_target!(|input: (u8, u8, u16, u16, Vec<u16>, Vec<u8>)| {
    let (width, height, stamped_width, stamped_height, numbers, data) = input;
    let (Ok(size), Ok(stamped)) = (
        Size::new(width.into(), height.into()),
        Size::new(stamped_width.into(), stamped_height.into()),
    ) else {
        return;
    };
    let format = PixelFormat::Gray8;
    let Ok(plane) = Plane::new("Y", &data, size.width, size.height, size.width) else { return };
    let candidates: Vec<Candidate> =
        numbers.iter().map(|&seq| Candidate { seq, surprise: 0.0 }).collect();
    let _ = read_hard(plane, format, size, Levels::LIMITED);
    for stamped in [None, Some(stamped)] {
        let _ = read_soft(plane, format, size, Levels::LIMITED, stamped, Some(&candidates));
    }
});
