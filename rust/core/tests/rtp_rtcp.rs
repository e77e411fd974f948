//! RTCP: the layouts of the RFCs, round trips, bad packets among good ones, and any bytes at all.

use proptest::prelude::*;
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::wire::Malformed;
use realtime_fast_core::rtp::wire::rtcp::*;
use std::time::Duration;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// The only packet of a datagram.
fn one(datagram: &[u8]) -> Rtcp<'_> {
    let mut all = packets(datagram);
    let packet = all.next().unwrap().unwrap();
    assert_eq!(all.next(), None);
    packet
}

const REPORT: ReportBlock = ReportBlock {
    ssrc: 0x0102_0304,
    fraction_lost: 0x40,
    lost: -2,
    highest_seq: 0x0001_fffe,
    jitter: 300,
    last_sender_report: 0x1122_3344,
    since_sender_report: 0x8000,
};
const REPORT_BYTES: [u8; 24] = [
    1, 2, 3, 4, 0x40, 0xff, 0xff, 0xfe, 0, 1, 0xff, 0xfe, 0, 0, 1, 0x2c, 0x11, 0x22, 0x33, 0x44, 0, 0, 0x80,
    0,
];

#[test]
fn a_sender_report_is_the_one_of_rfc_3550() {
    let info = SenderInfo { ntp: 0x0506_0708_090a_0b0c, timestamp: 90_000, packets: 5, bytes: 6000 };
    let bytes = written(|out| write_sender_report(7, &info, &[REPORT], out));
    let mut expected = vec![0x81, 200, 0, 12, 0, 0, 0, 7, 5, 6, 7, 8, 9, 10, 11, 12];
    expected.extend([0, 1, 0x5f, 0x90, 0, 0, 0, 5, 0, 0, 0x17, 0x70]);
    expected.extend(REPORT_BYTES);
    assert_eq!(bytes, expected);
    let Rtcp::SenderReport { ssrc: 7, info: read, reports } = one(&bytes) else { panic!("{bytes:?}") };
    assert_eq!((read, reports.iter().collect::<Vec<_>>()), (info, vec![REPORT]));
}

#[test]
fn a_receiver_report_is_the_one_of_rfc_3550() {
    let bytes = written(|out| write_receiver_report(7, &[REPORT], out));
    assert_eq!(bytes, [&[0x81, 201, 0, 7, 0, 0, 0, 7][..], &REPORT_BYTES].concat());
    let Rtcp::ReceiverReport { ssrc: 7, reports } = one(&bytes) else { panic!("{bytes:?}") };
    assert_eq!(reports.iter().collect::<Vec<_>>(), [REPORT]);

    assert_eq!(written(|out| write_receiver_report(7, &[], out)), [0x80, 201, 0, 1, 0, 0, 0, 7]);
    let many = written(|out| write_receiver_report(7, &[REPORT; 40], out));
    let counts: Vec<_> = packets(&many)
        .map(|packet| match packet {
            Ok(Rtcp::ReceiverReport { reports, .. }) => reports.iter().count(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [31, 9]);
}

#[test]
fn losses_are_held_to_24_bits() {
    for (lost, expected) in [(i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000), (-1, -1), (0x1234, 0x1234)] {
        let bytes = written(|out| write_receiver_report(7, &[ReportBlock { lost, ..REPORT }], out));
        let Rtcp::ReceiverReport { reports, .. } = one(&bytes) else { panic!("{bytes:?}") };
        assert_eq!(reports.iter().next().unwrap(), ReportBlock { lost: expected, ..REPORT });
    }
}

#[test]
fn names_are_read_from_among_other_items() {
    let bytes = written(|out| write_sdes(7, "ab", out));
    assert_eq!(bytes, [0x81, 202, 0, 3, 0, 0, 0, 7, 1, 2, b'a', b'b', 0, 0, 0, 0]);
    // Two descriptions, a NAME before the CNAME; the second has none.
    let several =
        [0x82, 202, 0, 6, 0, 0, 0, 7, 2, 1, b'n', 1, 3, b'x', b'y', b'z', 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0];
    let Rtcp::Descriptions(descriptions) = one(&several) else { panic!("descriptions") };
    assert_eq!(descriptions.names().collect::<Vec<_>>(), [(7, &b"xyz"[..])]);
    // What is too long is cut, what ends too early is not read.
    let long = written(|out| write_sdes(7, &"x".repeat(300), out));
    let Rtcp::Descriptions(descriptions) = one(&long) else { panic!("descriptions") };
    assert_eq!(descriptions.names().next().unwrap().1.len(), 255);
    let Rtcp::Descriptions(descriptions) = one(&[0x81, 202, 0, 2, 0, 0, 0, 7, 1, 9, b'a', b'b']) else {
        panic!("descriptions")
    };
    assert_eq!(descriptions.names().count(), 0);
}

#[test]
fn streams_say_goodbye() {
    let bytes = written(|out| write_bye(&[7, 8], out));
    assert_eq!(bytes, [0x82, 203, 0, 2, 0, 0, 0, 7, 0, 0, 0, 8]);
    // A reason may follow.
    let with_reason = [0x81, 203, 0, 2, 0, 0, 0, 7, 3, b'b', b'y', b'e'];
    let Rtcp::Bye { ssrcs } = one(&with_reason) else { panic!("goodbye") };
    assert_eq!(ssrcs.iter().collect::<Vec<_>>(), [7]);
    assert_eq!(packets(&written(|out| write_bye(&[1; 40], out))).count(), 2);
}

#[test]
fn a_nack_packs_what_is_near() {
    // 17 after the first begins another pair; the wrap does not.
    let missed = [65_530, 65_535, 0, 10, 11, 100];
    let bytes = written(|out| write_nack(7, 8, missed, out));
    assert_eq!(
        bytes,
        [0x81, 205, 0, 5, 0, 0, 0, 7, 0, 0, 0, 8, 0xff, 0xfa, 0x80, 0x30, 0, 11, 0, 0, 0, 100, 0, 0]
    );
    let Rtcp::Nack { sender_ssrc: 7, media_ssrc: 8, pairs } = one(&bytes) else { panic!("{bytes:?}") };
    assert_eq!(pairs.iter().flat_map(NackPair::sequence_numbers).collect::<Vec<_>>(), missed);
    assert_eq!(written(|out| write_nack(7, 8, [], out)), []);
    let far = written(|out| write_nack(7, 8, (0..300).map(|i| i * 100), out));
    assert_eq!(packets(&far).count(), 2);
}

#[test]
fn key_frames_are_asked_for() {
    let pli = written(|out| write_pli(7, 8, out));
    assert_eq!(pli, [0x81, 206, 0, 2, 0, 0, 0, 7, 0, 0, 0, 8]);
    assert_eq!(one(&pli), Rtcp::Pli { sender_ssrc: 7, media_ssrc: 8 });

    let request = FirRequest { ssrc: 8, number: 3 };
    let fir = written(|out| write_fir(7, &[request], out));
    assert_eq!(fir, [0x84, 206, 0, 4, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0]);
    let Rtcp::Fir { sender_ssrc: 7, requests } = one(&fir) else { panic!("{fir:?}") };
    assert_eq!(requests.iter().collect::<Vec<_>>(), [request]);
}

#[test]
fn an_estimate_keeps_18_bits() {
    let bytes = written(|out| write_remb(7, 1_000_000, &[8, 9], out));
    let mut expected = vec![0x8f, 206, 0, 6, 0, 0, 0, 7, 0, 0, 0, 0, b'R', b'E', b'M', b'B'];
    // 1 Mbit/s is 250,000 times 2^2.
    expected.extend([2, 2 << 2 | 3, 0xd0, 0x90, 0, 0, 0, 8, 0, 0, 0, 9]);
    assert_eq!(bytes, expected);
    for (bitrate, expected) in [(0, 0), (262_143, 262_143), (262_145, 262_144), (u64::MAX, u64::MAX << 46)] {
        let bytes = written(|out| write_remb(7, bitrate, &[8], out));
        let Rtcp::Remb { sender_ssrc: 7, bitrate, ssrcs } = one(&bytes) else { panic!("{bytes:?}") };
        assert_eq!((bitrate, ssrcs.iter().collect::<Vec<_>>()), (expected, vec![8]));
    }
    // An exponent that leads beyond 64 bits.
    let mut huge = written(|out| write_remb(7, 262_143, &[8], out));
    huge[17] |= 0xfc;
    let Rtcp::Remb { bitrate: u64::MAX, .. } = one(&huge) else { panic!("{huge:?}") };
    // Other messages of the application layer are not ours.
    huge[12] = b'X';
    assert_eq!(packets(&huge).next(), None);
}

#[test]
fn times_are_asked_for_and_answered() {
    let asked = written(|out| write_reference_time(7, 0x0102_0304_0506_0708, out));
    assert_eq!(asked, [0x80, 207, 0, 4, 0, 0, 0, 7, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
    let answer = SinceReference { ssrc: 7, last_reference: 0x0304_0506, since_reference: 9 };
    let answered = written(|out| write_since_reference(8, &[answer], out));
    assert_eq!(answered, [0x80, 207, 0, 5, 0, 0, 0, 8, 5, 0, 0, 3, 0, 0, 0, 7, 3, 4, 5, 6, 0, 0, 0, 9]);
    // Both in one report, behind a block that is not known.
    let both = [&[0x80, 207, 0, 9][..], &asked[4..8], &[1, 0, 0, 0], &asked[8..], &answered[8..]].concat();
    let Rtcp::Extended { ssrc: 7, blocks } = one(&both) else { panic!("{both:?}") };
    let [time, answers] = blocks.iter().collect::<Vec<_>>()[..] else { panic!("{both:?}") };
    assert_eq!(time, ExtendedBlock::ReferenceTime(0x0102_0304_0506_0708));
    let ExtendedBlock::SinceReference(answers) = answers else { panic!("{answers:?}") };
    assert_eq!(answers.iter().collect::<Vec<_>>(), [answer]);
}

#[test]
fn the_round_trip_is_what_is_not_accounted_for() {
    let sent = Time::from_micros(3_600_000_000);
    let report = ReportBlock {
        last_sender_report: sent.compact_ntp(),
        since_sender_report: compact_span(Duration::from_millis(250)),
        ..ReportBlock::default()
    };
    let trip = report.round_trip(sent + Duration::from_millis(330)).unwrap();
    assert!(trip.abs_diff(Duration::from_millis(80)) < Duration::from_micros(50), "{trip:?}");
    assert_eq!(report.round_trip(sent + Duration::from_millis(240)), None);
    assert_eq!(ReportBlock::default().round_trip(sent), None);
    assert_eq!(compact_span(Duration::MAX), u32::MAX);
}

#[test]
fn bad_packets_are_errors_between_good_ones() {
    let good = written(|out| write_pli(7, 8, out));
    let count = Malformed { what: "RTCP body", expected: "as many records as it counts", got: 4 };
    let short_report = [0x81, 201, 0, 1, 0, 0, 0, 7];
    let unknown = [0x80, 195, 0, 0];
    let datagram = [&good[..], &short_report, &unknown, &good].concat();
    let pli = Rtcp::Pli { sender_ssrc: 7, media_ssrc: 8 };
    assert_eq!(packets(&datagram).collect::<Vec<_>>(), [Ok(pli), Err(count), Ok(pli)]);
    // A length that cannot be believed ends it, and so does another version.
    for bad in [[0x80, 201, 0, 2, 0, 0, 0, 7], [0x40, 201, 0, 1, 0, 0, 0, 7]] {
        let all: Vec<_> = packets(&[&good[..], &bad].concat()).map(|packet| packet.is_ok()).collect();
        assert_eq!(all, [true, false]);
    }
    assert_eq!(packets(&[]).count(), 0);
}

#[test]
fn padding_is_left_out() {
    let mut padded = written(|out| write_nack(7, 8, [1], out));
    padded[0] |= 0x20;
    padded[3] += 1;
    padded.extend([0, 0, 0, 4]);
    let Rtcp::Nack { pairs, .. } = one(&padded) else { panic!("{padded:?}") };
    assert_eq!(pairs.iter().count(), 1);
    // More padding than packet leaves nothing.
    *padded.last_mut().unwrap() = 99;
    assert!(packets(&padded).next().unwrap().is_err());
}

/// Counts all that can be gone through.
fn walk(datagram: &[u8]) -> usize {
    packets(datagram)
        .map(|packet| match packet {
            Ok(Rtcp::SenderReport { reports, .. } | Rtcp::ReceiverReport { reports, .. }) => {
                reports.iter().count()
            }
            Ok(Rtcp::Descriptions(descriptions)) => descriptions.names().count(),
            Ok(Rtcp::Bye { ssrcs } | Rtcp::Remb { ssrcs, .. }) => ssrcs.iter().count(),
            Ok(Rtcp::Nack { pairs, .. }) => pairs.iter().flat_map(NackPair::sequence_numbers).count(),
            Ok(Rtcp::Fir { requests, .. }) => requests.iter().count(),
            Ok(Rtcp::TransportFeedback(feedback)) => feedback.packets().count(),
            Ok(Rtcp::Extended { blocks, .. }) => blocks.iter().count(),
            Ok(Rtcp::Pli { .. }) | Err(_) => 0,
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 1000 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn every_missed_packet_is_named_once(
        start: u16, gaps in proptest::collection::vec(1_u16..40, 0..600), sender_ssrc: u32, media_ssrc: u32
    ) {
        let missed: Vec<u16> = gaps.iter().scan(start, |seq, gap| {
            *seq = seq.wrapping_add(*gap);
            Some(*seq)
        }).collect();
        let bytes = written(|out| write_nack(sender_ssrc, media_ssrc, missed.iter().copied(), out));
        let mut read = Vec::new();
        for packet in packets(&bytes) {
            let Rtcp::Nack { sender_ssrc: sender, media_ssrc: media, pairs } = packet.unwrap() else {
                panic!("{bytes:?}")
            };
            prop_assert_eq!((sender, media), (sender_ssrc, media_ssrc));
            read.extend(pairs.iter().flat_map(NackPair::sequence_numbers));
        }
        prop_assert_eq!(read, missed);
    }

    #[test]
    fn an_estimate_is_never_raised_and_hardly_lowered(bitrate: u64) {
        let bytes = written(|out| write_remb(7, bitrate, &[], out));
        let Rtcp::Remb { bitrate: read, .. } = one(&bytes) else { panic!("{bytes:?}") };
        prop_assert!(read <= bitrate && bitrate - read <= bitrate >> 17);
    }

    #[test]
    fn any_bytes_are_packets_or_malformed(
        chunks in proptest::collection::vec((0x80_u8..0xc0, 198_u8..209, any::<Vec<u8>>(), 0_u16..3), 0..5)
    ) {
        let mut datagram = Vec::new();
        for (first, kind, body, more) in chunks {
            datagram.extend([first, kind]);
            datagram.extend(((body.len() / 4) as u16 + more / 2).to_be_bytes());
            datagram.extend(&body[..body.len() / 4 * 4]);
        }
        // No element is smaller than a byte, but for the 17 of 4 bytes in a NACK and the statuses of a run.
        prop_assert!(walk(&datagram) <= 65_535 * 5);
    }
}
