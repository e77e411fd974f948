//! The longest and thinnest pictures there may be, and memory that cannot hold them.

mod common;

use common::{Picture, Random};
use realtime_fast_core::Error;
use realtime_fast_core::color::Color;
use realtime_fast_core::convert::convert_with;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::frame::{Frame, FrameMut};
use realtime_fast_core::level::Level;
use realtime_fast_core::marker::{Cell, Levels, Reading, read_hard, stamp};
use realtime_fast_core::resize::{Filter, resize};
use realtime_fast_core::size::{MAX_SIDE, Size};

const LONGEST: usize = if cfg!(miri) { 100 } else { MAX_SIDE };

fn extremes() -> [Size; 3] {
    [(1, 1), (LONGEST, 1), (1, LONGEST)].map(|(width, height)| Size::new(width, height).unwrap())
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn the_longest_pictures_are_converted_on_every_level() {
    let mut random = Random(1);
    for size in extremes() {
        for from in PixelFormat::ALL {
            let src = Picture::random(from, size, 1, 1, &mut random);
            for to in PixelFormat::ALL {
                let outputs = Level::available().into_iter().map(|level| {
                    let mut dst = Picture::new(to, size, 3, 2);
                    convert_with(level, &src.frame(), &mut dst.frame_mut(), Color::ALL[0]).unwrap();
                    dst.assert_guards(&format!("{from} to {to}, {size}, {level:?}"));
                    dst.bytes()
                });
                let outputs: Vec<_> = outputs.collect();
                assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]), "{from} to {to}, {size}");
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn the_longest_pictures_keep_their_grey_at_any_size() {
    // Tens of thousands of weights add up to one, and white must not become more than white.
    let sides = [1, 2, 3, 7, 100, LONGEST / 2, LONGEST - 1, LONGEST];
    for from in extremes() {
        for long in sides {
            let to = if from.height > 1 { (1, long) } else { (long, 1) };
            let to = Size::new(to.0, to.1).unwrap();
            for format in [PixelFormat::Yuv420p, PixelFormat::Bgra] {
                for (value, filter) in [0, 1, 128, 254, 255]
                    .into_iter()
                    .flat_map(|value| [(value, Filter::Area), (value, Filter::Bilinear)])
                {
                    let (mut src, mut dst) =
                        (Picture::new(format, from, 0, 0), Picture::new(format, to, 1, 1));
                    src.fill(|| value);
                    resize(&src.frame(), &mut dst.frame_mut(), Color::ALL[0], filter).unwrap();
                    let context = format!("{format} {from} to {to}, {filter:?}, {value}");
                    dst.assert_guards(&context);
                    assert_eq!(dst.bytes().into_iter().find(|byte| *byte != value), None, "{context}");
                }
            }
        }
    }
}

#[test]
fn the_longest_pictures_carry_markers() {
    for size in [(LONGEST, 4), (24, LONGEST), (LONGEST, 5)].map(|(w, h)| Size::new(w, h).unwrap()) {
        for format in [PixelFormat::Yuv420p, PixelFormat::Nv12, PixelFormat::Rgb24] {
            let mut picture = Picture::new(format, size, 1, 0);
            stamp(&mut picture.frame_mut(), Levels::FULL, Cell::PIXEL, 0xbeef).unwrap();
            picture.assert_guards("stamp");
            let first = picture.frame().planes()[0];
            assert_eq!(
                read_hard(first, format, size, Levels::FULL, Cell::PIXEL),
                Ok(Reading::Number(0xbeef))
            );
        }
    }
}

#[test]
fn no_memory_holds_a_picture_it_cannot() {
    // On 32 bits the largest pictures have more bytes than a number.
    let size = Size::new(MAX_SIDE, MAX_SIDE).unwrap();
    let mut memory = [0; 1000];
    for format in PixelFormat::ALL {
        let expected = Error::Length { plane: format.name(), expected: format.packed_bytes(size), got: 1000 };
        assert!(format.packed_bytes(size) >= 4_294_836_225, "{format}");
        assert_eq!(Frame::packed(format, size, &memory).unwrap_err(), expected);
        assert_eq!(FrameMut::packed(format, size, &mut memory).unwrap_err(), expected);
    }
}
