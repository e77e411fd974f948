//! The scanner against jiter, which reads every value: the same samples, and the same errors at the same places.

mod reference;

use realtime_fast_core::stats::{Parser, RtcStats, json};

/// Everything that a report may hold, and some that it should not.
const REPORT: &str = r#"{"V": {"id": "V", "type": "inbound-rtp", "kind": "video", "framesDecoded": 30,
    "bytesReceived": 312500, "jitter": 4e-3, "packetsLost": -2, "totalDecodeTime": 0.0900000000000000000001,
    "ssrc": 18446744073709551616, "list": [1, {"a": [[], {}]}, "]"], "label": "a\"\\\u00e9\ud83d\ude00é",
    "n\u0061ckCount": 7, "pliCount": NaN, "firCount": -Infinity, "freezeCount": "3", "frameWidth": 1280.0},
    "C":{"id":"C","timestamp":1790000001000.123,"type":"codec","payloadType":96,"nested":{"type":"x"}},
    "O": {"type": "outbound-rtp", "kind": "video", "qualityLimitationReason": "c\u0070u",
    "qualityLimitationDurations": {"cpu": 1.5, "none": null, "other": 1E1}, "bytesSent": 10},
    "P":{"id":"P","type":"candidate-pair","state":"succeeded","nominated":true,"localCandidateId":"L",
    "remoteCandidateId":"L","currentRoundTripTime":0.035},
    "L":{"type":"local-candidate","address":"10.0.0.1","port":50000}, "x": null, "y": [false]}"#;

fn compare(text: &[u8]) -> Result<RtcStats, String> {
    let sample = json::parse_bytes(&mut Parser::default(), text, 1.0)
        .map_err(|error| error.to_string().split_once(": ").unwrap().1.to_owned());
    let wanted = reference::parse(&mut Parser::default(), text, 1.0);
    assert_eq!(sample, wanted, "{}", String::from_utf8_lossy(text));
    sample
}

/// The report without any whitespace between its tokens, which is how browsers write it.
fn compact() -> String {
    let mut quoted = false;
    let mut escaped = false;
    let mut keep = |c: char| {
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        quoted || !c.is_whitespace()
    };
    REPORT.chars().filter(|&c| keep(c)).collect()
}

#[test]
fn a_report_is_read_whatever_its_spacing() {
    let sample = compare(REPORT.as_bytes()).unwrap();
    let video = sample.video.clone().unwrap();
    assert_eq!((video.frames_decoded, video.bytes_received, video.nack_count), (30, 312_500, 7));
    assert_eq!((video.jitter, video.packets_lost, video.frame_width), (0.004, 0, 1280));
    let outbound = sample.outbound_video.clone().unwrap();
    assert_eq!(outbound.quality_limitation_reason, "cpu");
    assert_eq!(outbound.quality_limitation_durations, [("cpu".to_owned(), 1.5), ("other".to_owned(), 10.0)]);
    assert_eq!(sample.connection.selected_candidate_pairs.len(), 1);

    assert_eq!(compare(compact().as_bytes()).unwrap(), sample);
    assert_eq!(compare(compact().replace(',', " \t,\r\n  ").replace(':', " : ").as_bytes()).unwrap(), sample);
    assert_eq!(compare(format!("\n{}\n", REPORT.replace(' ', "\n")).as_bytes()).unwrap(), sample);
}

#[test]
fn cut_anywhere_it_is_refused_at_the_same_place() {
    for text in [REPORT, &compact()] {
        for end in (0..text.len()).step_by(if cfg!(miri) { 397 } else { 1 }) {
            assert!(compare(&text.as_bytes()[..end]).is_err());
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many for an interpreter")]
fn with_any_byte_changed_it_is_the_same_sample_or_error() {
    for text in [REPORT, &compact()] {
        let mut text = text.as_bytes().to_vec();
        for at in 0..text.len() {
            let kept = text[at];
            for byte in *b"\"\\{}[],: \n\x000159.-+eENItfnux\x7f\x80\xc3\xed\xff" {
                text[at] = byte;
                let _ = compare(&text);
            }
            text[at] = kept;
        }
    }
}

#[test]
fn strings_end_where_they_should_at_every_place_in_a_block() {
    for before in (0..130).step_by(if cfg!(miri) { 65 } else { 1 }) {
        for inside in (0..70).step_by(if cfg!(miri) { 35 } else { 1 }) {
            let (before, inside) = (" ".repeat(before), "x".repeat(inside));
            for end in ["", "\\n", "\u{1}", "é", "\\ud800", "\\"] {
                let text = format!(
                    r#"{{{before}"{inside}{end}":{{"type":"remote-inbound-rtp","roundTripTime":2}}}}"#
                );
                let _ = compare(text.as_bytes());
                let text = format!(r#"{{"a":{before}{{"{inside}{end}":"{end}{inside}"}}}}"#);
                let _ = compare(text.as_bytes());
            }
        }
    }
}

#[test]
fn of_each_byte_strings_hold_what_jiter_lets_them_hold() {
    for byte in (0..=u8::MAX).step_by(if cfg!(miri) { 63 } else { 1 }) {
        for text in [&br#"{"a#": {"b#": "c#", "state": "d#"}}"#[..], br##"{"a":{"type":"codec","e#":"f#"}}"##]
        {
            for at in (0..text.len()).filter(|&at| text[at] == b'#') {
                let mut text = text.to_vec();
                text[at] = byte;
                let _ = compare(&text);
            }
        }
    }
}

fn jitter(number: &str) -> Option<f64> {
    let text = format!(r#"{{"a":{{"type":"inbound-rtp","kind":"video","jitter":{number}}}}}"#);
    compare(text.as_bytes()).ok().map(|sample| sample.video.unwrap().jitter)
}

#[test]
fn numbers_are_rounded_once() {
    let mut seed = 1_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for _ in 0..if cfg!(miri) { 10 } else { 200_000 } {
        let mut number: String = (0..=random(24)).map(|_| char::from(b'0' + random(10) as u8)).collect();
        if random(3) > 0 {
            number.insert(random(number.len() + 1), '.');
        }
        let valid = !number.starts_with('.')
            && !number.ends_with('.')
            && (!number.starts_with('0') || number.len() == 1 || number.as_bytes()[1] == b'.');
        let wanted = valid.then(|| number.parse().unwrap());
        assert_eq!(jitter(&number), wanted, "{number}");
    }
}

#[test]
fn numbers_at_the_limits() {
    for number in [
        "9007199254740993",
        "9007199254740992.5",
        "9007199254740993.0",
        "900719925474099.25",
        "9999999999999999999",
        "18446744073709551615",
        "18446744073709551616",
        "0.000000000000000001",
        "0.1234567890123456789",
        "123456789012345678.9",
        "1e308",
        "1e309",
        "1e-400",
        "0e0",
        "-0",
        "-1",
        "00",
        "01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "1_0",
        "0x1",
        "1.5.5",
        "NaN",
        "Infinity",
        "-Infinity",
        "Nan",
        "-NaN",
        "-",
    ] {
        let _ = jitter(number);
    }
    // A large number takes an interpreter minutes.
    for digits in if cfg!(miri) { &[40][..] } else { &[4299, 4300, 4301, 5000] } {
        let _ = jitter(&"7".repeat(*digits));
        let _ = compare(format!(r#"{{"a":{{"other":{}}}}}"#, "7".repeat(*digits)).as_bytes());
    }
}

#[test]
fn nesting_is_bounded() {
    for depth in [10, 199, 200, 201, 202, if cfg!(miri) { 300 } else { 100_000 }] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for text in [
            format!(r#"{{"a":{nested}}}"#),
            format!(r#"{{"a":{{"b":{nested}}}}}"#),
            format!(r#"{{"a":{{"qualityLimitationDurations":{{"cpu":{nested}}}}}}}"#),
            r#"{"a":"#.repeat(depth),
        ] {
            assert!(compare(text.as_bytes()).is_ok() == (depth <= 201 && text.ends_with('}')), "{depth}");
        }
    }
}
