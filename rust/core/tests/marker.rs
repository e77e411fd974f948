//! Stamping and reading on the memory of every format: as the description says, and nothing else.

mod common;

use common::{Picture, Random, marker};
use realtime_fast_core::Error;
use realtime_fast_core::color::Color;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::marker::{CELLS, Cell, Evidence, Levels, ROWS, Reading, read_hard, read_soft, stamp};
use realtime_fast_core::resize::{Filter, resize};
use realtime_fast_core::size::Size;

fn levels(format: PixelFormat) -> &'static [Levels] {
    if format.is_rgb() { &[Levels::FULL] } else { &[Levels::LIMITED, Levels::FULL] }
}

fn hard(picture: &Picture, levels: Levels, cell: Cell) -> Reading {
    read_hard(picture.frame().planes()[0], picture.format, picture.size, levels, cell).unwrap()
}

#[test]
fn stamped_pictures_are_as_described_and_read_back() {
    let mut random = Random(1);
    // An interpreter takes the first of each.
    let all = if cfg!(miri) { 1 } else { 8 };
    let sizes = [
        (25, 5, 1),
        (24, 4, 1),
        (26, 7, 1),
        (131, 36, 1),
        (193, 33, 8),
        (192, 32, 8),
        (75, 13, 3),
        (384, 64, 16),
    ];
    for &(width, height, side) in &sizes[..all] {
        let (size, cell) = (Size::new(width, height).unwrap(), Cell::new(side).unwrap());
        for format in PixelFormat::ALL {
            for &(padding, shift) in &[(1, 3), (0, 0), (64, 0), (7, 31)][..all.min(4)] {
                for &levels in levels(format) {
                    let mut picture = Picture::random(format, size, padding, shift, &mut random);
                    let mut expected = picture.clone();
                    let seq = random.next() as u16;
                    stamp(&mut picture.frame_mut(), levels, cell, seq).unwrap();
                    marker::stamp(&mut expected.frame_mut(), levels, side, seq);
                    let context =
                        format!("{format} {size}, cells of {side}, {padding} bytes of padding, {levels:?}");
                    picture.assert_guards(&context);
                    assert!(picture.bytes() == expected.bytes(), "{context}");
                    assert_eq!(hard(&picture, levels, cell), Reading::Number(seq), "{context}");
                }
            }
        }
    }
}

#[test]
fn any_corner_reads_as_described() {
    // Cells on both sides of every threshold, on what a stamp left of the corner.
    const VALUES: [u8; 8] = [0, 50, 125, 126, 127, 128, 200, 255];
    let rounds = if cfg!(miri) { 5 } else { 4000 };
    let mut random = Random(2);
    let mut seen = [0; 3];
    for format in PixelFormat::ALL {
        for &levels in levels(format) {
            for round in 0..rounds {
                let side = [1, 1, 1, 2, 5][round % 5];
                let cell = Cell::new(side).unwrap();
                let size = Size::new(24 * side + round % 3, 4 * side + round % 2).unwrap();
                let mut picture = Picture::random(format, size, round % 5, 0, &mut random);
                stamp(&mut picture.frame_mut(), levels, cell, random.next() as u16).unwrap();
                for _ in 0..round % 97 {
                    let mut frame = picture.frame_mut();
                    let row = frame.planes_mut()[0].row_mut(size.height - 1 - random.below(ROWS * side));
                    let at = random.below(row.len());
                    row[at] = VALUES[random.below(VALUES.len())];
                }
                let expected = marker::read(&picture.frame(), levels, side);
                assert_eq!(hard(&picture, levels, cell), expected, "{format}, round {round}");
                seen[match expected {
                    Reading::Number(_) => 0,
                    Reading::Corrupted => 1,
                    Reading::Absent => 2,
                }] += 1;
            }
        }
    }
    assert!(cfg!(miri) || seen.iter().all(|count| *count > 100), "all kinds of reading: {seen:?}");
}

#[test]
fn pictures_too_small_are_refused_and_left_alone() {
    for (width, height) in [(23, 4), (24, 3), (1, 1), (23, 40), (40, 3)] {
        let size = Size::new(width, height).unwrap();
        for format in PixelFormat::ALL {
            let mut picture = Picture::random(format, size, 2, 1, &mut Random(3));
            let before = picture.bytes();
            let refused = stamp(&mut picture.frame_mut(), Levels::LIMITED, Cell::PIXEL, 1).unwrap_err();
            let text = format!("expected a picture of at least 24x4 pixels for the marker, got {size}");
            assert_eq!(refused.to_string(), text);
            assert!(picture.bytes() == before);
            picture.assert_guards(&text);
            let first = picture.frame().planes()[0];
            assert_eq!(read_hard(first, format, size, Levels::LIMITED, Cell::PIXEL), Err(refused));
            let evidence = Evidence::new(first, format, size, Levels::LIMITED, Cell::PIXEL, None).unwrap();
            let numbers: Vec<u16> = (0..64).collect();
            for numbers in [&[][..], &numbers] {
                assert_eq!(read_soft(&evidence, Some(numbers)).reading, Reading::Absent, "{format} {size}");
            }
        }
    }
}

#[test]
fn readers_want_the_first_plane_of_the_picture() {
    let (size, other) = (Size::new(CELLS, ROWS).unwrap(), Size::new(CELLS + 2, ROWS).unwrap());
    for format in PixelFormat::ALL {
        let picture = Picture::new(format, other, 0, 0);
        let first = picture.frame().planes()[0];
        let refused = read_hard(first, format, size, Levels::FULL, Cell::PIXEL).unwrap_err();
        assert!(matches!(refused, Error::PlaneShape { .. }));
        let row_bytes = |size| format.plane_shape(size, 0).1;
        assert_eq!(
            refused.to_string(),
            format!(
                "{} plane: expected 4 rows of {} bytes, got 4 rows of {} bytes",
                format.plane_names()[0],
                row_bytes(size),
                row_bytes(other)
            )
        );
        assert_eq!(Evidence::new(first, format, size, Levels::FULL, Cell::PIXEL, None).err(), Some(refused));
    }
}

#[test]
fn cells_of_several_pixels_are_read_at_every_scale() {
    let (cell, size) = (Cell::new(8).unwrap(), Size::new(320, 180).unwrap());
    let mut random = Random(4);
    for format in [PixelFormat::Yuv420p, PixelFormat::Bgra] {
        let levels = levels(format)[0];
        let mut picture = Picture::random(format, size, 0, 0, &mut random);
        stamp(&mut picture.frame_mut(), levels, cell, 0xbeef).unwrap();
        let numbers: Vec<u16> = (0xbe00..0xbf00).collect();
        for (width, height) in [(320, 180), (640, 360), (240, 136), (213, 120), (160, 90), (80, 45), (60, 34)]
        {
            let to = Size::new(width, height).unwrap();
            for filter in [Filter::Area, Filter::Bilinear] {
                let mut scaled = Picture::new(format, to, 0, 0);
                resize(&picture.frame(), &mut scaled.frame_mut(), Color::ALL[0], filter).unwrap();
                let context = format!("{format} {to}, {filter:?}");
                let frame = scaled.frame();
                for stamped in [Some(size), None] {
                    if stamped.is_none() && !(160..=320).contains(&width) {
                        continue;
                    }
                    let evidence =
                        Evidence::new(frame.planes()[0], format, to, levels, cell, stamped).unwrap();
                    assert_eq!(
                        read_soft(&evidence, Some(&numbers)).reading,
                        Reading::Number(0xbeef),
                        "{context}"
                    );
                    // To those who look for other cells there is no marker.
                    let other =
                        Evidence::new(frame.planes()[0], format, to, levels, Cell::PIXEL, stamped).unwrap();
                    assert_eq!(read_soft(&other, Some(&numbers)).reading, Reading::Absent, "{context}");
                }
            }
        }
    }
}

#[test]
fn there_are_cells_of_1_to_16_pixels() {
    for side in [0, 17, usize::MAX] {
        let refused = Cell::new(side).unwrap_err();
        assert_eq!(refused.to_string(), format!("expected a cell of 1 to 16 pixels, got {side}"));
    }
    let (size, cell) = (Size::new(191, 32).unwrap(), Cell::new(8).unwrap());
    let mut picture = Picture::new(PixelFormat::Nv12, size, 0, 0);
    let refused = stamp(&mut picture.frame_mut(), Levels::LIMITED, cell, 1).unwrap_err();
    let expected = "expected a picture of at least 192x32 pixels for the marker, got 191x32";
    assert_eq!(refused.to_string(), expected);
}
