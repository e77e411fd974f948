//! Any picture, stamped or not, then spoilt: stamping and the reference reader do what the description says,
//! and nothing else; the robust reader takes any scale and any candidates. (Without candidates it tries every
//! number, which takes a thousand times longer: not here.)

#![no_main]

#[path = "../../core/tests/common/mod.rs"]
mod common;

use arbitrary::Arbitrary;
use common::{Picture, marker};
use libfuzzer_sys::fuzz_target;
use realtime_fast_core::Error;
use realtime_fast_core::format::PixelFormat;
use realtime_fast_core::marker::{
    Cell, Evidence, Levels, Probes, Reading, SoftReading, read_hard, read_soft, stamp,
};
use realtime_fast_core::size::Size;

#[derive(Arbitrary, Debug)]
struct Input {
    format: u8,
    size: (u8, u8),
    padding: u8,
    shift: u8,
    full_range: bool,
    cell: u8,
    seq: Option<u16>,
    /// Bytes of the first plane that change after stamping: row from below, place in it, value.
    noise: Vec<(u8, u8, u8)>,
    stamped_size: Option<(u16, u16)>,
    candidates: Vec<u16>,
    /// When frames were stamped, and when this one came, twice.
    stamped_at: Vec<f64>,
    now: (f64, f64),
    pixels: Vec<u8>,
}

fuzz_target!(|input: Input| {
    let format = PixelFormat::ALL[usize::from(input.format) % PixelFormat::ALL.len()];
    let (width, height) = (usize::from(input.size.0) + 1, usize::from(input.size.1 % 40) + 1);
    let size = Size::new(width, height).expect("within bounds");
    let levels = if format.is_rgb() || input.full_range { Levels::FULL } else { Levels::LIMITED };

    let mut picture =
        Picture::new(format, size, usize::from(input.padding % 40), usize::from(input.shift % 40));
    let mut bytes = input.pixels.iter().copied().cycle();
    picture.fill(|| bytes.next().unwrap_or(0));

    let side = usize::from(input.cell) % Cell::MAX_SIDE + 1;
    let cell = Cell::new(side).expect("within bounds");
    let holds_marker = width >= 24 * side && height >= 4 * side;
    if let Some(seq) = input.seq {
        let mut expected = picture.clone();
        match stamp(&mut picture.frame_mut(), levels, cell, seq) {
            Ok(()) => marker::stamp(&mut expected.frame_mut(), levels, side, seq),
            Err(error) => {
                assert!(matches!(error, Error::TooSmall { .. }) && !holds_marker);
            }
        }
        picture.assert_guards("stamp");
        assert_eq!(picture.bytes(), expected.bytes());
    }
    for (up, at, value) in &input.noise {
        let mut frame = picture.frame_mut();
        let row = frame.planes_mut()[0].row_mut(height - 1 - usize::from(*up) % height.min(6 * side));
        let at = usize::from(*at) % row.len();
        row[at] = *value;
    }

    let frame = picture.frame();
    let first = frame.planes()[0];
    let hard = read_hard(first, format, size, levels, cell);
    let stands = input.seq.filter(|_| input.noise.is_empty() && holds_marker);
    match &hard {
        Ok(reading) => {
            assert_eq!(*reading, marker::read(&frame, levels, side));
            assert!(stands.is_none_or(|seq| *reading == Reading::Number(seq)));
        }
        Err(error) => assert!(matches!(error, Error::TooSmall { .. }) && !holds_marker),
    }

    let mut candidates: Vec<_> = input.candidates.iter().take(64).copied().collect();
    let stamped = input.stamped_size.and_then(|(width, height)| Size::new(width.into(), height.into()).ok());
    let evidence =
        Evidence::new(first, format, size, levels, cell, stamped).expect("the first plane of its picture");
    check(read_soft(&evidence, Some(&candidates)), |seq| candidates.contains(&seq));

    // A ledger takes any times.
    let mut probes = Probes::new(60.0);
    input.stamped_at.iter().take(64).for_each(|&at| _ = probes.stamp(at));
    for now in [input.now.0, input.now.1] {
        let found = probes.read(&evidence, now);
        check(found, |seq| (1..=64).contains(&seq));
        let before = probes.pending();
        let ended = probes.observe(found.reading, now).count();
        assert_eq!(probes.pending() + ended, before);
    }

    // A marker nobody touched is read, wherever its number stands in the list.
    if let Some(seq) = stands {
        candidates.push(seq);
        let evidence = Evidence::new(first, format, size, levels, cell, Some(size)).expect("as before");
        assert_eq!(read_soft(&evidence, Some(&candidates)).reading, Reading::Number(seq));
    }
});

fn check(found: SoftReading, may_come: impl Fn(u16) -> bool) {
    assert!((0.0..=1.0).contains(&found.confidence), "{found:?}");
    if let Reading::Number(seq) = found.reading {
        assert!(may_come(seq), "{found:?} is none of them");
    }
}
