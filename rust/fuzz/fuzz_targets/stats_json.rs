//! Statistics from any text, alone and inside of a report, twice with one parser: what jiter makes of it, be it a
//! sample or an error and its place.
#![no_main]

#[path = "../../core/tests/reference/mod.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;
use realtime_fast_core::stats::{Parser, json};

fuzz_target!(|input: (f64, &[u8], &[u8])| {
    let (now, first, second) = input;
    let (mut parser, mut plain) = (Parser::default(), Parser::default());
    let member: &[u8] = br#"{"a":{"type":"inbound-rtp","kind":"video","#;
    let entry: &[u8] = br#"{"a":{"type":"candidate-pair","state":"succeeded"},"b":"#;
    for (text, now) in [
        (first.to_vec(), 0.0),
        ([member, first, b"}}"].concat(), 1.0),
        ([entry, second, b"}"].concat(), 2.0),
        (second.to_vec(), now),
    ] {
        let sample = json::parse_bytes(&mut parser, &text, now);
        let wanted = reference::parse(&mut plain, &text, now);
        match (sample, wanted) {
            (Err(error), Err(wanted)) => {
                assert!(error.to_string().ends_with(&wanted), "{error}, not {wanted}")
            }
            // NaN is not equal to itself, but looks like it.
            (sample, wanted) => assert_eq!(format!("{:?}", sample.ok()), format!("{:?}", wanted.ok())),
        }
    }
});
