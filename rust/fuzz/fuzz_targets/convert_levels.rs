//! Any picture, converted or scaled on every level: all give the same bytes and write nothing else.

#![no_main]

#[path = "../../core/tests/common/mod.rs"]
mod common;

use arbitrary::Arbitrary;
use common::Picture;
use libfuzzer_sys::fuzz_target;
use realtime_fast_core::color::Color;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::level::Level;
use realtime_fast_core::resize::{Filter, resize_with};
use realtime_fast_core::size::Size;

#[derive(Arbitrary, Debug)]
struct Layout {
    format: u8,
    size: (u8, u8),
    padding: u8,
    shift: u8,
}

impl Layout {
    fn picture(&self, size: Size) -> Picture {
        let format = PixelFormat::ALL[usize::from(self.format) % PixelFormat::ALL.len()];
        Picture::new(format, size, usize::from(self.padding % 40), usize::from(self.shift % 40))
    }

    fn size(&self) -> Size {
        // Two of the widest vectors and a tail.
        Size::new(usize::from(self.size.0 % 150) + 1, usize::from(self.size.1 % 40) + 1)
            .expect("within bounds")
    }
}

#[derive(Arbitrary, Debug)]
struct Input {
    source: Layout,
    target: Layout,
    scales: bool,
    color: u8,
    area: bool,
    pixels: Vec<u8>,
}

fuzz_target!(|input: Input| {
    let mut source = input.source.picture(input.source.size());
    let mut bytes = input.pixels.iter().copied().cycle();
    source.fill(|| bytes.next().unwrap_or(0));
    let size = if input.scales { input.target.size() } else { source.size };
    let color = Color::ALL[usize::from(input.color) % 4];
    let filter = if input.area { Filter::Area } else { Filter::Bilinear };

    let mut expected = None;
    for level in Level::available() {
        let mut target = input.target.picture(size);
        resize_with(level, &source.frame(), &mut target.frame_mut(), color, filter)
            .expect("nothing to refuse");
        target.assert_guards(level.name());
        let bytes = target.bytes();
        assert_eq!(expected.get_or_insert_with(|| bytes.clone()), &bytes, "{level:?}");
    }
});
