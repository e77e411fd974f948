//! H.264 payloads from any bytes, and byte streams that are split, cut and joined.
#![no_main]

use libfuzzer_sys::fuzz_target;
use realtime_fast_core::rtp::payload::{Codec, Packetizer, h264};

fuzz_target!(|input: (Vec<Vec<u8>>, &[u8], u16)| {
    let (payloads, stream, budget) = input;
    let mut picture = Vec::new();
    let whole = Codec::H264.assemble(payloads.iter().map(Vec::as_slice), &mut picture).is_ok();
    let readable = payloads.iter().all(|payload| Codec::H264.inspect(payload).is_ok());
    assert!(readable || !whole);
    if whole {
        survives(&picture, budget.into());
    }
    survives(stream, budget.into());
});

/// The NAL units of a stream, cut and joined, are the same.
fn survives(stream: &[u8], budget: usize) {
    let Ok(units) = h264::nal_units(stream) else {
        assert!(!starts_with_start_code(stream));
        return;
    };
    let units: Vec<&[u8]> = units.collect();
    assert_eq!(units, split(stream));
    let mut payloads = Vec::new();
    if Packetizer::new(Codec::H264, 0).packetize(stream, budget, &mut payloads).is_err() {
        assert!(budget < 3 || units.iter().any(|unit| !(1..24).contains(&(unit[0] & 31))));
        return;
    }
    assert!(payloads.iter().all(|payload| payload.len() <= budget));
    let mut joined = Vec::new();
    let result = Codec::H264.assemble(payloads.iter().map(Vec::as_slice), &mut joined);
    assert_eq!(result.is_ok(), !units.is_empty());
    assert_eq!(joined, units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect::<Vec<_>>());
}

fn starts_with_start_code(stream: &[u8]) -> bool {
    let zeros = stream.iter().take_while(|byte| **byte == 0).count();
    zeros >= 2 && stream.get(zeros) == Some(&1)
}

/// The plainest way to split a byte stream.
fn split(stream: &[u8]) -> Vec<&[u8]> {
    let codes: Vec<usize> = (0..stream.len()).filter(|at| stream[*at..].starts_with(&[0, 0, 1])).collect();
    let ends = codes.iter().skip(1).copied().chain([stream.len()]);
    codes
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            let unit = &stream[start + 3..end];
            &unit[..unit.len() - unit.iter().rev().take_while(|byte| **byte == 0).count()]
        })
        .filter(|unit| !unit.is_empty())
        .collect()
}
