//! An endpoint as the far side sees it: what belongs to which stream, what is told and how.

use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::config::{Codec, Deliver, Feedback, Kind, Rates, ReceiveCodec, ReceiveConfig};
use realtime_fast_core::rtp::endpoint::Endpoint;
use realtime_fast_core::rtp::event::{Event, ReceiverId};
use realtime_fast_core::rtp::wire::rtcp::{
    Rtcp, SenderInfo, packets, write_bye, write_sdes, write_sender_report,
};
use realtime_fast_core::rtp::wire::{ExtensionIds, ExtensionValues, Header};
use std::time::Duration;

const ALL: Feedback =
    Feedback { nack: true, pli: true, fir: true, remb: true, transport_cc: true, reduced_size: true };
const IDS: ExtensionIds = ExtensionIds {
    mid: Some(1),
    abs_send_time: Some(3),
    transport_cc: Some(4),
    audio_level: None,
    video_orientation: None,
    playout_delay: None,
    capture_time: None,
};

fn at(millis: u64) -> Time {
    Time::from_micros(10_000_000 + millis * 1000)
}

fn endpoint() -> Endpoint {
    Endpoint::new(1, Rates::default(), at(0)).expect("rates in order")
}

fn video(mid: &str, ssrc: Option<u32>) -> ReceiveConfig {
    ReceiveConfig {
        kind: Kind::Video,
        codecs: vec![ReceiveCodec {
            payload_type: 96,
            codec: Codec::Vp8,
            clock_rate: 90_000,
            rtx_payload_type: Some(97),
        }],
        ssrc,
        rtx_ssrc: None,
        own_ssrc: 1,
        cname: "near".into(),
        mid: mid.into(),
        sync_group: "camera".into(),
        extensions: IDS,
        feedback: ALL,
        deliver: Deliver::Media,
        min_delay: Duration::ZERO,
        max_delay: Duration::ZERO,
    }
}

fn audio(ssrc: Option<u32>) -> ReceiveConfig {
    let codec =
        ReceiveCodec { payload_type: 111, codec: Codec::Opus, clock_rate: 48_000, rtx_payload_type: None };
    ReceiveConfig { kind: Kind::Audio, codecs: vec![codec], own_ssrc: 2, ..video("a", ssrc) }
}

/// A packet of VP8 that is a picture by itself, or of sound.
fn packet(payload_type: u8, ssrc: u32, number: u16, values: &ExtensionValues<'_>) -> Vec<u8> {
    let payload: &[u8] = match payload_type {
        96 => &[0x90, 0x80, 0x80, number as u8, u8::from(number > 1), 1, 2],
        97 => &[],
        _ => &[0xfc, 1, 2],
    };
    let header = Header {
        marker: true,
        payload_type,
        sequence_number: number,
        timestamp: u32::from(number) * 3000,
        ssrc,
    };
    let mut out = Vec::new();
    header.write(&IDS, values, &[payload], if payload.is_empty() { 100 } else { 0 }, &mut out);
    out
}

fn plain(payload_type: u8, ssrc: u32, number: u16) -> Vec<u8> {
    packet(payload_type, ssrc, number, &ExtensionValues::default())
}

/// The streams that got something.
fn receivers(endpoint: &mut Endpoint) -> Vec<ReceiverId> {
    std::iter::from_fn(|| endpoint.next_event())
        .map(|event| match event {
            Event::Picture { receiver, .. } | Event::Sound { receiver, .. } => receiver,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn datagrams(endpoint: &mut Endpoint, now: Time) -> Vec<Vec<u8>> {
    endpoint.tick(now);
    std::iter::from_fn(|| endpoint.next_datagram(now)).collect()
}

#[test]
fn packets_find_their_stream_by_ssrc_section_or_payload_type() {
    let mut endpoint = endpoint();
    let announced = endpoint.add_receiver(video("v", Some(10))).expect("good");
    let named = endpoint.add_receiver(video("w", None)).expect("good");
    let sound = endpoint.add_receiver(audio(None)).expect("good");
    endpoint.receive(&plain(96, 10, 1), at(0));
    let mid = |mid| ExtensionValues { mid: Some(mid), ..ExtensionValues::default() };
    endpoint.receive(&packet(96, 30, 1, &mid("w")), at(0));
    endpoint.receive(&plain(96, 30, 2), at(0));
    endpoint.receive(&plain(111, 40, 1), at(0));
    assert_eq!(receivers(&mut endpoint), [announced, named, named, sound]);
    // Two streams could have it, and it does not say.
    endpoint.receive(&plain(96, 50, 1), at(0));
    endpoint.receive(&packet(96, 51, 1, &mid("x")), at(0));
    endpoint.receive(&[0x80, 1, 2], at(0));
    assert_eq!(receivers(&mut endpoint), []);
    assert_eq!(endpoint.transport_stats(at(0)).datagrams_discarded, 3);
    endpoint.remove_receiver(named);
    endpoint.receive(&plain(96, 30, 3), at(0));
    assert_eq!(endpoint.receiver_stats(named), None);
    assert_eq!(endpoint.receiver_stats(announced).map(|stats| stats.packets_received), Some(1));
    // Another SSRC takes the place of one that is silent.
    endpoint.receive(&plain(96, 30, 1), at(1000));
    assert_eq!(receivers(&mut endpoint), [announced]);
    assert_eq!(endpoint.receiver_stats(announced).map(|stats| stats.ssrc), Some(Some(30)));
}

/// pion/webrtc#2816 and #1957: probes on SSRC 0 or of unknown streams were missing from the feedback.
#[test]
fn feedback_tells_of_every_packet_whatever_stream_it_is_of() {
    let mut endpoint = endpoint();
    endpoint.add_receiver(video("v", Some(10))).expect("good");
    endpoint.add_receiver(video("w", Some(12))).expect("good");
    let numbered = |number| ExtensionValues { transport_cc: Some(number), ..ExtensionValues::default() };
    for (number, (payload_type, ssrc)) in [(96, 10), (97, 0), (97, 77), (100, 78)].into_iter().enumerate() {
        endpoint.receive(&packet(payload_type, ssrc, 1, &numbered(number as u16)), at(number as u64));
    }
    assert_eq!(endpoint.deadline(), Some(at(15)));
    let datagrams = datagrams(&mut endpoint, at(15));
    let [datagram] = &datagrams[..] else { panic!("{datagrams:?}") };
    let told: Vec<_> = packets(datagram).collect();
    let [Ok(Rtcp::TransportFeedback(feedback))] = told[..] else { panic!("{told:?}") };
    assert_eq!((feedback.sender_ssrc, feedback.media_ssrc), (1, 10));
    assert!(feedback.packets().map(|(_, arrival)| arrival.is_some()).eq([true; 4]));
}

#[test]
fn feedback_goes_behind_a_report_unless_less_was_agreed() {
    for reduced_size in [false, true] {
        let mut endpoint = endpoint();
        let feedback = Feedback { reduced_size, ..ALL };
        endpoint.add_receiver(ReceiveConfig { feedback, ..video("v", Some(10)) }).expect("good");
        for number in [1, 5] {
            endpoint.receive(&plain(96, 10, number), at(0));
        }
        let datagrams = datagrams(&mut endpoint, at(0));
        let told: Vec<_> = datagrams.iter().flat_map(|datagram| packets(datagram)).flatten().collect();
        let nack = match (reduced_size, &told[..]) {
            (true, [nack]) => nack,
            (false, [Rtcp::ReceiverReport { ssrc: 1, .. }, Rtcp::Descriptions(_), nack]) => nack,
            _ => panic!("{told:?}"),
        };
        let Rtcp::Nack { sender_ssrc: 1, media_ssrc: 10, pairs } = nack else { panic!("{nack:?}") };
        assert!(pairs.iter().flat_map(|pair| pair.sequence_numbers()).eq([2, 3, 4]));
    }
}

#[test]
fn reports_answer_those_of_the_far_side() {
    let mut endpoint = endpoint();
    endpoint.add_receiver(video("v", Some(10))).expect("good");
    endpoint.receive(&plain(96, 10, 1), at(0));
    let mut report = Vec::new();
    let info = SenderInfo { ntp: 0x1234_5678_9abc_def0, timestamp: 3000, packets: 7, bytes: 700 };
    write_sender_report(10, &info, &[], &mut report);
    write_sdes(10, "far", &mut report);
    endpoint.receive(&report, at(20));
    let datagrams = datagrams(&mut endpoint, at(120));
    let blocks: Vec<_> = datagrams
        .iter()
        .flat_map(|datagram| packets(datagram))
        .flatten()
        .filter_map(|packet| match packet {
            Rtcp::ReceiverReport { reports, .. } => Some(reports.iter().collect::<Vec<_>>()),
            _ => None,
        })
        .flatten()
        .collect();
    let [block] = blocks[..] else { panic!("{blocks:?}") };
    assert_eq!((block.ssrc, block.last_sender_report), (10, 0x5678_9abc));
    assert_eq!(block.since_sender_report, 6553, "100 ms in 1/65536 s");
    let stats = endpoint.receiver_stats(ReceiverId(0)).expect("it was added");
    assert_eq!(
        (stats.remote_packets_sent, stats.remote_bytes_sent, stats.remote_reports),
        (Some(7), Some(700), 1)
    );
}

#[test]
fn a_bad_packet_within_a_compound_spoils_no_other() {
    let mut endpoint = endpoint();
    let id = endpoint.add_receiver(video("v", Some(10))).expect("good");
    endpoint.receive(&plain(96, 10, 1), at(0));
    receivers(&mut endpoint);
    let mut compound = vec![0x81, 205, 0, 1, 0, 0, 0, 1];
    write_bye(&[99, 10], &mut compound);
    endpoint.receive(&compound, at(10));
    assert_eq!(endpoint.next_event(), Some(Event::Ended { receiver: id }));
    assert_eq!(endpoint.next_event(), None);
}

/// The bit rates that the far side is told.
fn told(endpoint: &mut Endpoint, now: Time) -> Vec<u64> {
    let datagrams = datagrams(endpoint, now);
    let rate = |packet| match packet {
        Ok(Rtcp::Remb { bitrate, .. }) => Some(bitrate),
        _ => None,
    };
    datagrams.iter().flat_map(|datagram| packets(datagram)).filter_map(rate).collect()
}

#[test]
fn a_bit_rate_is_told_to_far_sides_that_are_told_no_arrivals() {
    for (transport_cc, remb, limit, expected) in [
        (false, true, None, Some(800_000..2_000_000)),
        (false, false, None, None),
        (true, true, None, None),
        // A limit is told by whatever was agreed.
        (true, true, Some(300_000), Some(299_000..300_001)),
        (false, true, Some(300_000), Some(299_000..300_001)),
        (true, false, Some(300_000), None),
    ] {
        let mut endpoint = endpoint();
        let feedback = Feedback { transport_cc, remb, ..ALL };
        endpoint.add_receiver(ReceiveConfig { feedback, ..video("v", Some(10)) }).expect("good");
        endpoint.limit(limit, at(0));
        let mut rates = Vec::new();
        for number in 0..200 {
            let now = at(u64::from(number) * 10);
            let values = ExtensionValues {
                abs_send_time: Some(realtime_fast_core::rtp::wire::abs_send_time(now)),
                ..ExtensionValues::default()
            };
            endpoint.receive(&packet(96, 10, number, &values), now);
            rates.extend(told(&mut endpoint, now));
        }
        let case = (transport_cc, remb, limit);
        match expected {
            None => assert_eq!(rates, [], "{case:?}"),
            Some(range) => {
                assert!(rates.len() >= 2, "{case:?}: {rates:?}");
                assert!(rates.iter().all(|rate| range.contains(rate)), "{case:?}: {rates:?}");
            }
        }
    }
}

#[test]
fn configurations_that_make_no_sense_say_why() {
    let mut endpoint = endpoint();
    endpoint.add_receiver(video("v", Some(10))).expect("good");
    let fails = |endpoint: &mut Endpoint, config| {
        endpoint.add_receiver(config).expect_err("it makes no sense").to_string()
    };
    assert_eq!(
        fails(&mut endpoint, video("w", Some(10))),
        "ssrc: expected one that no other stream of the transport has, got 10"
    );
    assert_eq!(
        fails(&mut endpoint, ReceiveConfig { rtx_ssrc: Some(11), ..video("w", Some(11)) }),
        "rtx_ssrc: expected another SSRC than the stream's, got 11"
    );
    assert_eq!(
        fails(&mut endpoint, ReceiveConfig { codecs: vec![], ..video("w", None) }),
        "codecs: expected at least one, got none"
    );
    assert_eq!(
        fails(&mut endpoint, ReceiveConfig { kind: Kind::Audio, ..video("w", None) }),
        "codecs: expected codecs of the stream's kind, got Vp8"
    );
    let mut codecs = video("w", None).codecs;
    codecs[0].payload_type = 128;
    assert_eq!(
        fails(&mut endpoint, ReceiveConfig { codecs, ..video("w", None) }),
        "codecs.payload_type: expected 0 to 127, got 128"
    );
    let mut codecs = video("w", None).codecs;
    codecs[0].clock_rate = 0;
    assert_eq!(
        fails(&mut endpoint, ReceiveConfig { codecs, ..video("w", None) }),
        "clock_rate: expected above 0, got 0"
    );
    let rates = Rates { start: 1, min: 2, max: 3 };
    assert_eq!(
        Endpoint::new(1, rates, at(0)).expect_err("out of order").to_string(),
        "bit rates: expected 0 < min <= start <= max, got min 2, start 1, max 3"
    );
}

#[test]
fn sound_and_picture_come_into_step() {
    let mut endpoint = endpoint();
    let max_delay = Duration::from_millis(500);
    let picture = endpoint.add_receiver(ReceiveConfig { max_delay, ..video("v", Some(10)) }).expect("good");
    let sound = endpoint.add_receiver(ReceiveConfig { max_delay, ..audio(Some(20)) }).expect("good");
    // Pictures take 200 ms longer to come than sound.
    let mut apart = 0.0;
    for second in 0..40_u64 {
        let mut report = Vec::new();
        let now = second * 1000;
        let ntp = (now + 1_000_000) << 32;
        let ntp = ntp / 1000;
        let info = |clock: u64| SenderInfo { ntp, timestamp: (now * clock) as u32, ..SenderInfo::default() };
        write_sender_report(10, &info(90), &[], &mut report);
        write_sender_report(20, &info(48), &[], &mut report);
        for step in 0..50 {
            let captured = now + step * 20;
            for (payload_type, ssrc, clock, late) in [(96, 10, 90, 200), (111, 20, 48, 0)] {
                let header = Header {
                    marker: true,
                    payload_type,
                    sequence_number: (captured / 20) as u16,
                    timestamp: ((captured - late.min(captured)) * clock) as u32,
                    ssrc,
                };
                let payload: &[u8] = if ssrc == 10 { &[0x10, 0, 1, 2] } else { &[0xfc, 1, 2] };
                let mut out = Vec::new();
                header.write(&IDS, &ExtensionValues::default(), &[payload], 0, &mut out);
                if captured >= late {
                    endpoint.receive(&out, at(captured));
                }
            }
            if step == 0 {
                endpoint.receive(&report, at(captured));
            }
            endpoint.tick(at(captured));
            receivers(&mut endpoint);
            datagrams(&mut endpoint, at(captured));
        }
        let offset = |id| endpoint.receiver_stats(id).and_then(|stats| stats.sync_offset);
        if let Some(offset) = offset(picture) {
            assert_eq!(Some(-offset), offset_of(&endpoint, sound));
            apart = offset;
            assert!(second > 1 || offset > 0.15, "{offset} s at the start");
        }
    }
    assert!(apart.abs() < 0.031, "{apart} s apart at the end");
}

fn offset_of(endpoint: &Endpoint, id: ReceiverId) -> Option<f64> {
    endpoint.receiver_stats(id).and_then(|stats| stats.sync_offset)
}
