//! Statistics from any text, twice with one parser: an error or a sample, no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use realtime_fast_core::stats::{Parser, json};

fuzz_target!(|input: (f64, &[u8], &[u8])| {
    let (now, first, second) = input;
    let mut parser = Parser::default();
    let _ = json::parse(&mut parser, first, 0.0);
    let _ = json::parse(&mut parser, second, now);
});
