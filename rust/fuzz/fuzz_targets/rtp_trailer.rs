//! Trailers from any bytes, and those that are appended, found again and taken off packets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use realtime_fast_core::rtp::payload::{Codec, Packetizer};
use realtime_fast_core::rtp::trailer::Trailer;

fuzz_target!(|input: (&[u8], Option<u64>, u32, u16, bool)| {
    let (bytes, user_timestamp, frame_id, budget, h264) = input;
    let codec = if h264 { Codec::H264 } else { Codec::Vp8 };
    let found = Trailer::find(bytes);
    assert!(found.is_none_or(|(_, length)| length < bytes.len()));
    Trailer::strip(codec, &mut bytes.to_vec());

    let trailer = Trailer { user_timestamp, frame_id };
    let mut picture = bytes.to_vec();
    if !trailer.append(codec, &mut picture) {
        assert_eq!(picture, bytes);
        return;
    }
    let (again, length) = Trailer::find(&picture).expect("what was appended");
    assert_eq!((again, &picture[..picture.len() - length]), (trailer, bytes));

    let mut payloads = Vec::new();
    if Packetizer::new(codec, 0).packetize(&picture, usize::from(budget), &mut payloads).is_err() {
        return;
    }
    if let Some(last) = payloads.last_mut() {
        Trailer::strip(codec, last);
        let mut joined = Vec::new();
        let _ = codec.assemble(payloads.iter().map(Vec::as_slice), &mut joined);
    }
});
