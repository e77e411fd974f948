//! VP8 payloads from any bytes, and pictures that are cut and joined.
#![no_main]

use libfuzzer_sys::fuzz_target;
use realtime_fast_core::rtp::payload::{Codec, Packetizer, vp8};

fuzz_target!(|input: (Vec<Vec<u8>>, u16, u16)| {
    let (payloads, budget, number) = input;
    let mut picture = Vec::new();
    let whole = Codec::Vp8.assemble(payloads.iter().map(Vec::as_slice), &mut picture).is_ok();
    for (index, payload) in payloads.iter().enumerate() {
        let Ok(before) = Codec::Vp8.inspect(payload) else {
            assert!(!whole);
            continue;
        };
        assert!(!whole || before.starts == (index == 0));
        let mut payload = payload.clone();
        let renumbered = vp8::renumber(&mut payload, number);
        let after = Codec::Vp8.inspect(&payload).expect("a payload with another number");
        assert_eq!(renumbered, before.picture_id.is_some());
        if let (Some(before), Some(after)) = (before.picture_id, after.picture_id) {
            assert_eq!((after.value, after.bits), (number & ((1 << before.bits) - 1), before.bits));
        }
        assert_eq!((after.starts, after.key), (before.starts, before.key));
    }
    if whole {
        let mut payloads = Vec::new();
        let cut = Packetizer::new(Codec::Vp8, number).packetize(&picture, usize::from(budget), &mut payloads);
        if cut.is_ok() {
            assert!(payloads.iter().all(|payload| payload.len() <= usize::from(budget)));
            let mut again = Vec::new();
            let joined = Codec::Vp8.assemble(payloads.iter().map(Vec::as_slice), &mut again);
            assert_eq!((joined, again), (Ok(()), picture));
        }
    }
});
