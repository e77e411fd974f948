//! Any picture, converted or scaled on every level: all give the same bytes and write nothing else.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use realtime_fast_core::color::Color;
use realtime_fast_core::frame::{Frame, FrameMut, PixelFormat, Size};
use realtime_fast_core::level::Level;
use realtime_fast_core::plane::{Plane, PlaneMut};
use realtime_fast_core::resize::{Filter, resize_with};

#[derive(Arbitrary, Debug)]
struct Input {
    from: u8,
    to: u8,
    size: (u8, u8),
    target: Option<(u8, u8)>,
    padding: u8,
    color: u8,
    area: bool,
    pixels: Vec<u8>,
}

const GUARD: u8 = 0x5a;

/// Memory of a picture: per plane, rows a stride apart.
fn planes(format: PixelFormat, size: Size, padding: usize) -> Vec<(usize, usize, usize, Vec<u8>)> {
    (0..format.plane_names().len())
        .map(|index| {
            let (rows, row_bytes) = format.plane_shape(size, index);
            let stride = row_bytes + padding;
            (rows, row_bytes, stride, vec![GUARD; rows * stride])
        })
        .collect()
}

fuzz_target!(|input: Input| {
    let format = |byte: u8| PixelFormat::ALL[usize::from(byte) % PixelFormat::ALL.len()];
    let size = |(width, height): (u8, u8)| Size::new(usize::from(width % 80) + 1, usize::from(height % 40) + 1);
    let (from, to) = (format(input.from), format(input.to));
    let from_size = size(input.size).expect("within bounds");
    let to_size = size(input.target.unwrap_or(input.size)).expect("within bounds");
    let padding = usize::from(input.padding % 40);
    let color = Color::ALL[usize::from(input.color) % 4];
    let filter = if input.area { Filter::Area } else { Filter::Bilinear };

    let mut source = planes(from, from_size, padding);
    let mut bytes = input.pixels.iter().copied().cycle();
    for (_, _, _, data) in &mut source {
        data.iter_mut().for_each(|byte| *byte = bytes.next().unwrap_or(0));
    }
    let views: Vec<_> = source
        .iter()
        .map(|(rows, row_bytes, stride, data)| Plane::new("any", data, *row_bytes, *rows, *stride).expect("it fits"))
        .collect();
    let frame = Frame::new(from, from_size, &views).expect("planes of the format");

    let mut first: Option<Vec<Vec<u8>>> = None;
    for level in Level::available() {
        let mut target = planes(to, to_size, padding);
        let views = target.iter_mut().map(|(rows, row_bytes, stride, data)| {
            PlaneMut::new("any", data, *row_bytes, *rows, *stride).expect("it fits")
        });
        let mut out = FrameMut::new(to, to_size, views).expect("planes of the format");
        resize_with(level, &frame, &mut out, color, filter).expect("nothing to refuse");
        for (_, row_bytes, stride, data) in &target {
            let padded = data.chunks(*stride).flat_map(|row| &row[*row_bytes..]);
            assert!(padded.copied().all(|byte| byte == GUARD), "{level:?} wrote between the rows");
        }
        let target: Vec<_> = target.into_iter().map(|(_, _, _, data)| data).collect();
        match &first {
            None => first = Some(target),
            Some(first) => assert_eq!(first, &target, "{level:?}, {from} to {to}"),
        }
    }
});
