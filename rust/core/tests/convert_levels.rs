//! Every level gives the bytes of the scalar one, and writes nothing else.

mod common;

use common::{Picture, Random};
use realtime_fast_core::color::Color;
use realtime_fast_core::convert::convert_with;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::level::Level;
use realtime_fast_core::size::Size;

fn check(from: PixelFormat, to: PixelFormat, size: Size, padding: usize, shift: usize, color: Color) {
    let mut random = Random((size.width * 1000 + size.height * 10 + padding) as u64);
    let src = Picture::random(from, size, padding, shift, &mut random);
    let mut expected = None;
    for level in Level::available() {
        let mut dst = Picture::new(to, size, padding, shift);
        convert_with(level, &src.frame(), &mut dst.frame_mut(), color).unwrap();
        let context = format!("{from} to {to}, {size}, {padding} bytes of padding, {level:?}, {color:?}");
        dst.assert_guards(&context);
        let bytes = dst.bytes();
        match &expected {
            None => expected = Some(bytes),
            Some(expected) => {
                if let Some(at) = (0..bytes.len()).find(|&at| bytes[at] != expected[at]) {
                    panic!("{context}: byte {at} is {}, scalar gives {}", bytes[at], expected[at]);
                }
            }
        }
    }
}

fn pairs() -> impl Iterator<Item = (PixelFormat, PixelFormat)> {
    let all = PixelFormat::ALL.into_iter();
    let all = all.flat_map(|from| PixelFormat::ALL.into_iter().map(move |to| (from, to)));
    // An interpreter is slow: only what goes through vectors.
    all.filter(|(from, to)| !cfg!(miri) || from.is_rgb() != to.is_rgb())
}

#[test]
fn all_widths() {
    for (from, to) in pairs() {
        for width in if cfg!(miri) { 35..=35 } else { 1..=130 } {
            let color = Color::ALL[width % 4];
            check(from, to, Size::new(width, 3).unwrap(), width % 7, width % 5, color);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn all_heights_strides_and_starts() {
    for (from, to) in pairs() {
        for height in 1..=5 {
            for padding in [0, 1, 31, 64] {
                for shift in 0..4 {
                    let color = Color::ALL[(height + shift) % 4];
                    check(from, to, Size::new(67, height).unwrap(), padding, shift, color);
                }
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn a_large_picture() {
    // Far more pixels than there are values of a byte, in rows of whole vectors.
    for color in Color::ALL {
        for (from, to) in [
            (PixelFormat::Rgb24, PixelFormat::Yuv420p),
            (PixelFormat::Bgra, PixelFormat::Nv12),
            (PixelFormat::Yuv420p, PixelFormat::Rgb24),
            (PixelFormat::Nv12, PixelFormat::Bgra),
        ] {
            let size = Size::new(4096, 64).unwrap();
            check(from, to, size, 0, 0, color);
        }
    }
}
