//! Transport-wide feedback: the draft's layout, round trips, and any bytes at all.

use proptest::prelude::*;
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::wire::feedback::{
    FeedbackNames, MAX_ARRIVALS, TransportFeedback, write_feedback,
};
use realtime_fast_core::rtp::wire::rtcp::{Rtcp, packets};

const NAMES: FeedbackNames = FeedbackNames { sender_ssrc: 7, media_ssrc: 8, number: 9 };

fn parse(datagram: &[u8]) -> TransportFeedback<'_> {
    match packets(datagram).next() {
        Some(Ok(Rtcp::TransportFeedback(feedback))) => feedback,
        other => panic!("{other:?}"),
    }
}

fn refused(datagram: &[u8]) -> String {
    packets(datagram).next().unwrap().unwrap_err().to_string()
}

fn message(base: u16, count: u16, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x8f, 205, 0, (4 + rest.len() / 4) as u8, 0, 0, 0, 7, 0, 0, 0, 8];
    bytes.extend(base.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.extend([0, 0, 2, 9]);
    bytes.extend_from_slice(rest);
    bytes
}

fn arrived(feedback: TransportFeedback<'_>) -> Vec<u16> {
    feedback.packets().filter_map(|(number, arrival)| arrival.map(|_| number)).collect()
}

#[test]
fn runs_and_vectors_are_those_of_the_draft() {
    // 221 lost, as in section 3.1.3; then four that came.
    let mut rest = vec![0x00, 0xdd, 0x20, 0x04];
    rest.extend([1; 4]);
    assert_eq!(arrived(parse(&message(65_500, 225, &rest))), [185, 186, 187, 188]);
    // The vector of one-bit symbols of section 3.1.4: 1 lost, 5 came, 3 lost, 3 came, 2 lost.
    let mut rest = vec![0x9f, 0x1c];
    rest.extend([4; 8]);
    rest.extend([0; 2]);
    let feedback = message(100, 14, &rest);
    let feedback = parse(&feedback);
    assert_eq!(arrived(feedback), [101, 102, 103, 104, 105, 109, 110, 111]);
    assert_eq!((feedback.base, feedback.count, feedback.reference, feedback.number), (100, 14, 2, 9));
    assert_eq!(feedback.packets().filter_map(|(_, at)| at).last(), Some(8000));
    // Two-bit symbols: small, lost, large (-1 tick), small; what goes beyond the count does not matter.
    let feedback = message(5, 4, &[0xd2, 0x7f, 10, 0xff, 0xff, 3, 0, 0]);
    let times: Vec<_> = parse(&feedback).packets().collect();
    assert_eq!(times, [(5, Some(2500)), (6, None), (7, Some(2250)), (8, Some(3000))]);
}

#[test]
fn what_is_missing_or_reserved_is_malformed() {
    let expected =
        "transport feedback: expected a status for each packet and a time for each arrival, got 20";
    assert_eq!(refused(&message(0, 30, &[0x20, 10, 0xbf, 0xff])), expected);
    assert_eq!(refused(&message(0, 3, &[0x20, 3, 1, 1])), expected);
    assert_eq!(
        refused(&message(0, 1, &[0x60, 1, 1, 1])),
        "status in transport feedback: expected 0, 1 or 2, got 3"
    );
    assert_eq!(
        refused(&message(0, 1, &[])),
        "transport feedback: expected a status for each packet and a time for each arrival, got 16"
    );
    // Nothing reported is no fault.
    assert_eq!(parse(&message(0, 0, &[])).packets().count(), 0);
}

#[test]
fn arrivals_are_counted_from_64_ms() {
    let mut out = Vec::new();
    let start = 3 * 64_000 + 1_000;
    let arrivals =
        [(70_000, start), (70_001, start + 250), (70_003, start + 100_000), (70_004, start + 99_000)]
            .map(|(number, micros)| (number, Time::from_micros(micros)));
    assert_eq!(write_feedback(NAMES, 69_999, &arrivals, &mut out), 4);
    // Lost, small, small, lost, large, large; then 4, 1, 399 and -4 ticks.
    let mut expected = message(4463, 6, &[0b1100_0101, 0b0010_1000, 4, 1, 1, 0x8f, 0xff, 0xfc]);
    expected[18] = 3;
    assert_eq!(out, expected);
}

#[test]
fn without_arrivals_there_is_no_message() {
    let mut out = Vec::new();
    assert_eq!(write_feedback(NAMES, 5, &[], &mut out), 0);
    assert_eq!(out, []);
}

#[test]
fn long_pauses_and_long_gaps_begin_another_message() {
    let at = |number, millis: u64| (number, Time::from_micros(millis * 1000));
    for second in [at(101, 9_300), at(100 + 40_000, 1_001)] {
        let mut out = Vec::new();
        assert_eq!(write_feedback(NAMES, 100, &[at(100, 1_000), second], &mut out), 1);
        assert_eq!(arrived(parse(&out)), [100]);
    }
    // A base from long ago is not gone back to.
    let mut out = Vec::new();
    assert_eq!(write_feedback(NAMES, 1, &[at(1_000_000, 1_000)], &mut out), 1);
    assert!(out.len() < 40);
    assert_eq!(parse(&out).count, (1 << 14) + 1);
}

#[test]
fn a_message_never_outgrows_a_datagram() {
    // The worst: each arrival far from the last in number and time.
    let arrivals: Vec<_> = (0..400).map(|i| (i * 80, Time::from_micros(i * 100_000))).collect();
    let mut out = Vec::new();
    assert_eq!(write_feedback(NAMES, 0, &arrivals, &mut out), MAX_ARRIVALS);
    assert!(out.len() <= 1200, "{}", out.len());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 250 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// However many messages it takes, all arrivals are told once, to a quarter of a millisecond.
    #[test]
    fn every_arrival_is_told(
        base in 0_u64..100_000, start in 10_000_000_u64..1 << 45,
        steps in proptest::collection::vec((prop_oneof![4 => Just(1_u64), 1 => 1_u64..300, 1 => 1_u64..50_000],
            prop_oneof![4 => 0_i64..3_000, 1 => -50_000_i64..400_000, 1 => 0_i64..20_000_000]), 1..400)
    ) {
        let arrivals: Vec<(u64, Time)> = steps.iter().scan((base, start as i64), |(number, micros), (ahead, later)| {
            *number += ahead;
            *micros += later;
            Some((*number, Time::from_micros(*micros as u64)))
        }).collect();
        let (mut rest, mut base) = (&arrivals[..], base);
        while !rest.is_empty() {
            let mut out = Vec::new();
            let taken = write_feedback(NAMES, base, rest, &mut out);
            prop_assert!(taken > 0 && out.len() <= 1200);
            let feedback = parse(&out);
            prop_assert_eq!((feedback.sender_ssrc, feedback.media_ssrc, feedback.number), (7, 8, 9));
            let reference = u64::from(feedback.reference) * TransportFeedback::REFERENCE_MICROS;
            let told: Vec<_> = feedback.packets().filter_map(|(number, at)| Some((number, at?))).collect();
            prop_assert_eq!(told.len(), taken);
            for ((number, micros), (expected, time)) in told.into_iter().zip(rest) {
                prop_assert_eq!(number, *expected as u16);
                // 24 bits of 64 ms wrap.
                let wrapped = time.micros() as i64 % (TransportFeedback::REFERENCE_MICROS << 24) as i64;
                let error = (wrapped - (reference as i64 + micros)) % (TransportFeedback::REFERENCE_MICROS << 24) as i64;
                prop_assert!((0..250).contains(&error), "{}", error);
            }
            base = rest[taken - 1].0 + 1;
            rest = &rest[taken..];
        }
    }

    #[test]
    fn any_bytes_are_feedback_or_malformed(base: u16, count in 0_u16..200, mut rest: Vec<u8>) {
        rest.truncate(rest.len() / 4 * 4);
        if let Some(Ok(Rtcp::TransportFeedback(feedback))) = packets(&message(base, count, &rest)).next() {
            prop_assert_eq!(feedback.packets().count(), usize::from(count));
        }
    }
}
