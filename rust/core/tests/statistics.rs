//! Samples of reports that no browser would write, on clocks that do not run.

mod common;

use common::Random;
use realtime_fast_core::stats::{Number, Parser, RtcStats, json};
use std::fmt::Write;

const NUMBERS: &[&str] = &[
    "0",
    "-0.0",
    "0.25",
    "1",
    "3",
    "1000",
    "-1",
    "-1e300",
    "4e-320",
    "1e19",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "1e300",
    "1.7e308",
    "NaN",
    "Infinity",
    "-Infinity",
    "null",
    "true",
    "\"7\"",
    "[1]",
    "{}",
];
const CLOCK: [f64; 9] = [0.0, 1.0, 1.0, 1.5, -3.0, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
const STREAMS: [(&str, &str); 3] =
    [("inbound-rtp", "video"), ("inbound-rtp", "audio"), ("outbound-rtp", "video")];

fn report(random: &mut Random) -> String {
    let mut text = String::from("{");
    for id in 0..random.below(6) {
        let (kind, media) = STREAMS[random.below(STREAMS.len())];
        write!(text, "\"{id}\":{{\"type\":\"{kind}\",\"kind\":\"{media}\"").unwrap();
        for name in Number::ALL {
            if random.below(3) > 0 {
                write!(text, ",\"{}\":{}", name.name(), NUMBERS[random.below(NUMBERS.len())]).unwrap();
            }
        }
        text.push_str("},");
    }
    text + "\"last\":null}"
}

/// Everything of a sample that is not a whole number.
fn amounts(sample: &RtcStats) -> Vec<f64> {
    let mut amounts = Vec::new();
    if let Some(v) = &sample.video {
        amounts.extend([
            v.frames_per_second,
            v.jitter,
            v.total_freezes_duration,
            v.freeze_duration_delta,
            v.avg_inter_frame_delay_ms,
            v.inter_frame_delay_variance_ms,
            v.inter_frame_delay_stddev_ms,
            v.jitter_buffer_target_delay_ms,
            v.jitter_buffer_minimum_delay_ms,
            v.avg_decode_time_ms,
            v.avg_jitter_buffer_ms,
            v.avg_processing_delay_ms,
        ]);
    }
    amounts.extend(sample.audio.iter().map(|audio| audio.jitter));
    if let Some(v) = &sample.outbound_video {
        amounts.extend([v.frames_per_second, v.avg_packet_send_delay_ms, v.avg_encode_time_ms]);
        amounts.extend(v.target_bitrate_kbps);
    }
    amounts
}

#[test]
fn nothing_is_negative_or_not_a_number() {
    let mut random = Random(1);
    for _ in 0..if cfg!(miri) { 1 } else { 3000 } {
        let (mut parser, mut again) = (Parser::default(), Parser::default());
        for _ in 0..4 {
            let (text, now) = (report(&mut random), CLOCK[random.below(CLOCK.len())]);
            let sample = json::parse(&mut parser, &text, now).unwrap();
            assert!(amounts(&sample).iter().all(|amount| *amount >= 0.0), "{text} at {now}: {sample:?}");
            if let Some(v) = &sample.video {
                assert!(v.packets_lost_delta <= v.packets_lost, "{text}");
                assert!(v.frames_dropped_delta <= v.frames_dropped, "{text}");
                assert!(v.freeze_count_delta <= v.freeze_count, "{text}");
                assert!(v.freeze_duration_delta <= v.total_freezes_duration, "{text}");
                assert!(v.nack_count_delta <= v.nack_count, "{text}");
            }
            assert_eq!(json::parse(&mut again, &text, now), Ok(sample), "{text} at {now}");
        }
    }
}

#[test]
fn no_time_between_samples_is_no_bitrate() {
    let text =
        |bytes: u64| format!(r#"{{"v":{{"type":"inbound-rtp","kind":"video","bytesReceived":{bytes}}}}}"#);
    for (then, now, expected) in [
        (1.0, 1.5, 16_000),
        (1.0, 1.0, 0),
        (2.0, 1.0, 0),
        (1.0, f64::NAN, 0),
        (f64::NAN, 1.0, 0),
        (0.0, f64::INFINITY, 0),
        (f64::NEG_INFINITY, 0.0, 0),
        (0.0, f64::MIN_POSITIVE, u64::MAX),
    ] {
        let mut parser = Parser::default();
        json::parse(&mut parser, &text(1000), then).unwrap();
        let sample = json::parse(&mut parser, &text(2000), now).unwrap();
        assert_eq!(sample.video.unwrap().bitrate, expected, "{then} to {now}");
    }
}
