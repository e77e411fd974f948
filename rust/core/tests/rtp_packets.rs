//! RTP and its header extensions: the layouts of the RFCs, round trips, and any bytes at all.

use proptest::prelude::*;
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::wire::{
    AudioLevel, CaptureTime, ExtensionIds, ExtensionValues, Header, Packet, PlayoutDelay, abs_send_micros,
    abs_send_time, is_rtcp,
};
use std::time::Duration;

const PLAIN: [u8; 12] = [0x80, 0x60, 0x12, 0x34, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef];
const HEADER: Header =
    Header { marker: false, payload_type: 96, sequence_number: 0x1234, timestamp: 9, ssrc: 0xdead_beef };

fn with_extension(profile: u16, words: &[u8]) -> Vec<u8> {
    let mut bytes = PLAIN.to_vec();
    bytes[0] |= 0x10;
    bytes.extend(profile.to_be_bytes());
    bytes.extend(((words.len() / 4) as u16).to_be_bytes());
    bytes.extend_from_slice(words);
    bytes
}

fn elements(packet: &[u8]) -> Vec<(u8, Vec<u8>)> {
    Packet::parse(packet).unwrap().extensions.iter().map(|(id, value)| (id, value.to_vec())).collect()
}

#[test]
fn the_fixed_header_is_the_one_of_rfc_3550() {
    let packet = Packet::parse(&PLAIN).unwrap();
    assert_eq!((packet.header, packet.payload, packet.padding), (HEADER, &[][..], 0));

    let mut full = PLAIN.to_vec();
    full[0] |= 0x20 | 2;
    full[1] |= 0x80;
    full.extend([1, 1, 1, 1, 2, 2, 2, 2]); // two contributing sources
    full.extend([7, 8, 9, 0, 0, 3]);
    let packet = Packet::parse(&full).unwrap();
    assert_eq!(packet.header, Header { marker: true, ..HEADER });
    assert_eq!((packet.payload, packet.padding), (&[7, 8, 9][..], 3));
}

#[test]
fn what_is_shorter_than_it_says_is_malformed() {
    let refused = |bytes: &[u8]| Packet::parse(bytes).unwrap_err().to_string();
    assert_eq!(refused(&PLAIN[..11]), "RTP packet: expected at least its header's bytes, got 11");
    assert_eq!(refused(&[0x40; 12]), "RTP version: expected 2, got 1");
    let mut sources = PLAIN;
    sources[0] |= 1;
    assert_eq!(refused(&sources), "RTP packet: expected at least its header's bytes, got 12");
    let extended = with_extension(0xbede, &[0; 8]);
    assert_eq!(refused(&extended[..23]), "RTP packet: expected at least its header's bytes, got 23");
    for (padding, got) in [(0, 0), (2, 2)] {
        let mut padded = PLAIN.to_vec();
        padded[0] |= 0x20;
        padded.push(padding);
        let expected = format!("RTP padding: expected 1 byte up to what follows the header, got {got}");
        assert_eq!(refused(&padded), expected);
    }
}

#[test]
fn one_byte_elements_are_those_of_rfc_8285() {
    // The example of section 4.2: lengths 1, 2 and 4, padding between.
    let packet = with_extension(0xbede, &[0x10, 0xaa, 0x21, 0xbb, 0xbb, 0, 0, 0x33, 0xcc, 0xcc, 0xcc, 0xcc]);
    assert_eq!(elements(&packet), [(1, vec![0xaa]), (2, vec![0xbb; 2]), (3, vec![0xcc; 4])]);
    // Id 15 ends the list, and so does id 0 with a length.
    for stop in [0xf0, 0x01] {
        assert_eq!(elements(&with_extension(0xbede, &[0x10, 0xaa, stop, 0xbb])), [(1, vec![0xaa])]);
    }
    // An element that runs over the end is none.
    assert_eq!(elements(&with_extension(0xbede, &[0x10, 0xaa, 0x23, 0xbb])), [(1, vec![0xaa])]);
}

#[test]
fn two_byte_elements_are_those_of_rfc_8285() {
    // The example of section 4.3: lengths 0, 1 and 4, padding between; the profile has an application's bits.
    let words = [1, 0, 2, 1, 0xbb, 0, 3, 4, 0xcc, 0xcc, 0xcc, 0xcc];
    assert_eq!(elements(&with_extension(0x1007, &words)), [(1, vec![]), (2, vec![0xbb]), (3, vec![0xcc; 4])]);
    assert_eq!(elements(&with_extension(0x1000, &[200, 2, 1, 2])), [(200, vec![1, 2])]);
    assert_eq!(elements(&with_extension(0x2000, &words)), []);
}

#[test]
fn values_have_the_bytes_of_their_specifications() {
    let ids = ExtensionIds {
        mid: Some(1),
        abs_send_time: Some(2),
        transport_cc: Some(3),
        audio_level: Some(4),
        video_orientation: Some(5),
        playout_delay: Some(6),
        capture_time: Some(7),
    };
    let values = ExtensionValues {
        mid: Some("0"),
        abs_send_time: Some(0x12_3456),
        transport_cc: Some(0xabcd),
        audio_level: Some(AudioLevel { voice: true, below_full: 42 }),
        video_orientation: Some(1),
        playout_delay: Some(PlayoutDelay { min: Duration::ZERO, max: Duration::from_millis(400) }),
        capture_time: Some(CaptureTime { ntp: 0x0102_0304_0506_0708, clock_offset: Some(-1) }),
    };
    let mut packet = Vec::new();
    HEADER.write(&ids, &values, &[], 0, &mut packet);
    let mut words = vec![0x10, b'0', 0x22, 0x12, 0x34, 0x56, 0x31, 0xab, 0xcd, 0x40, 0xaa, 0x50, 0x01];
    words.extend([0x62, 0x00, 0x00, 0x28, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8]);
    words.extend([0xff; 8]);
    words.extend([0; 2]);
    assert_eq!(packet, with_extension(0xbede, &words));
    let read = ExtensionValues::read(Packet::parse(&packet).unwrap().extensions, &ids);
    assert_eq!(read, values);
}

#[test]
fn without_an_id_or_a_value_nothing_is_written() {
    let mut packet = Vec::new();
    HEADER.write(
        &ExtensionIds { mid: Some(1), ..ExtensionIds::default() },
        &ExtensionValues { transport_cc: Some(1), mid: Some(""), ..ExtensionValues::default() },
        &[],
        0,
        &mut packet,
    );
    assert_eq!(packet, PLAIN);
}

#[test]
fn a_long_name_or_a_high_id_takes_the_two_byte_form() {
    let long = "a name of more than sixteen bytes";
    for (id, mid) in [(1, long), (15, "0"), (255, "0")] {
        let ids = ExtensionIds { mid: Some(id), ..ExtensionIds::default() };
        let values = ExtensionValues { mid: Some(mid), ..ExtensionValues::default() };
        let mut packet = Vec::new();
        HEADER.write(&ids, &values, &[], 0, &mut packet);
        assert_eq!(packet[12..14], [0x10, 0x00]);
        assert_eq!(ExtensionValues::read(Packet::parse(&packet).unwrap().extensions, &ids), values);
    }
}

#[test]
fn the_send_time_has_18_bits_of_a_fraction_and_wraps_after_64_s() {
    assert_eq!(abs_send_time(Time::from_micros(1_500_000)), 3 << 17);
    assert_eq!(abs_send_time(Time::from_micros(64_250_000)), 1 << 16);
    assert_eq!(abs_send_micros(3 << 17), 1_500_000);
    for micros in (0..64_000_000).step_by(9973) {
        let back = abs_send_micros(abs_send_time(Time::from_micros(micros)).into());
        assert!(back.abs_diff(micros) <= 3, "{micros}: {back}");
    }
}

#[test]
fn rtcp_is_told_by_its_second_byte() {
    for kind in 192..=223 {
        assert!(is_rtcp(&[0x80, kind, 0, 0]));
    }
    assert!(!is_rtcp(&PLAIN) && !is_rtcp(&[0x80, 0x80 | 96]) && !is_rtcp(&[0x80]) && !is_rtcp(&[]));
}

prop_compose! {
    fn any_ids()(ids in proptest::array::uniform7(proptest::option::of(1_u8..20))) -> ExtensionIds {
        let [mid, abs_send_time, transport_cc, audio_level, video_orientation, playout_delay, capture_time] = ids;
        // Where two had the same id, the first keeps it.
        let mut seen = Vec::new();
        let mut once = |id: Option<u8>| id.filter(|id| {
            let new = !seen.contains(id);
            seen.push(*id);
            new
        });
        ExtensionIds {
            mid: once(mid), abs_send_time: once(abs_send_time), transport_cc: once(transport_cc),
            audio_level: once(audio_level), video_orientation: once(video_orientation),
            playout_delay: once(playout_delay), capture_time: once(capture_time),
        }
    }
}

prop_compose! {
    fn any_values()(
        abs_send_time in proptest::option::of(0_u32..1 << 24), transport_cc: Option<u16>, voice: bool,
        below_full in proptest::option::of(0_u8..128), video_orientation: Option<u8>,
        delays in proptest::option::of((0_u64..4096, 0_u64..4096)), ntp: Option<u64>, clock_offset: Option<i64>,
    ) -> ExtensionValues<'static> {
        ExtensionValues {
            mid: None, abs_send_time, transport_cc,
            audio_level: below_full.map(|below_full| AudioLevel { voice, below_full }),
            video_orientation,
            playout_delay: delays.map(|(min, max)| PlayoutDelay {
                min: Duration::from_millis(10 * min), max: Duration::from_millis(10 * max),
            }),
            capture_time: ntp.map(|ntp| CaptureTime { ntp, clock_offset }),
        }
    }
}

/// The values that have an id.
fn agreed<'a>(values: ExtensionValues<'a>, ids: &ExtensionIds) -> ExtensionValues<'a> {
    ExtensionValues {
        mid: values.mid.filter(|_| ids.mid.is_some()),
        abs_send_time: values.abs_send_time.filter(|_| ids.abs_send_time.is_some()),
        transport_cc: values.transport_cc.filter(|_| ids.transport_cc.is_some()),
        audio_level: values.audio_level.filter(|_| ids.audio_level.is_some()),
        video_orientation: values.video_orientation.filter(|_| ids.video_orientation.is_some()),
        playout_delay: values.playout_delay.filter(|_| ids.playout_delay.is_some()),
        capture_time: values.capture_time.filter(|_| ids.capture_time.is_some()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 1000 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_written_is_read(
        marker: bool, payload_type in 0_u8..128, sequence_number: u16, timestamp: u32, ssrc: u32,
        ids in any_ids(), values in any_values(), mid in proptest::option::of("[a-z]{1,40}"),
        before: [u8; 3], payload: Vec<u8>, cut: prop::sample::Index, padding: u8,
    ) {
        let header = Header { marker, payload_type, sequence_number, timestamp, ssrc };
        let values = ExtensionValues { mid: mid.as_deref(), ..values };
        let (head, tail) = payload.split_at(cut.index(payload.len() + 1));
        let mut out = before.to_vec();
        header.write(&ids, &values, &[head, tail], padding, &mut out);
        prop_assert_eq!(&out[..3], before);
        let packet = Packet::parse(&out[3..]).unwrap();
        prop_assert_eq!((packet.header, packet.payload, packet.padding), (header, &payload[..], padding));
        prop_assert_eq!(ExtensionValues::read(packet.extensions, &ids), agreed(values, &ids));
    }

    #[test]
    fn any_bytes_are_a_packet_or_malformed(mut bytes: Vec<u8>, first in 0x80_u8..0xc0, ids in any_ids()) {
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        if let Ok(packet) = Packet::parse(&bytes) {
            let sizes: usize = packet.extensions.iter().map(|(_, value)| value.len()).sum();
            prop_assert!(12 + sizes + packet.payload.len() + usize::from(packet.padding) <= bytes.len());
            let values = ExtensionValues::read(packet.extensions, &ids);
            prop_assert_eq!(agreed(values, &ids), values);
        }
    }
}
