//! An endpoint against any datagrams at any times: nothing panics, and nothing wakes for nothing.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::config::{
    Codec, Deliver, Feedback, Kind, Rates, ReceiveCodec, ReceiveConfig, Rtx, SendConfig,
};
use realtime_fast_core::rtp::endpoint::Endpoint;
use realtime_fast_core::rtp::event::{Event, MediaInfo};
use realtime_fast_core::rtp::wire::{ExtensionIds, ExtensionValues, Header};
use std::time::Duration;

#[derive(Arbitrary, Debug)]
enum Step {
    Datagram(Vec<u8>),
    Media { stream: u8, number: u16, timestamp: u32, marker: bool, transport: u16, payload: Vec<u8> },
    Rtcp { kind: u8, count: u8, body: Vec<u8> },
    Send { timestamp: u32, key: bool, picture: Vec<u8> },
    KeyFrame,
    Wait(u16),
}

const IDS: ExtensionIds = ExtensionIds {
    mid: Some(1),
    abs_send_time: Some(3),
    transport_cc: Some(4),
    audio_level: None,
    video_orientation: None,
    playout_delay: None,
    capture_time: None,
};

fn receiver(kind: Kind, ssrc: u32, deliver: Deliver, max_delay: u64, feedback: Feedback) -> ReceiveConfig {
    let codec = |payload_type, codec, clock_rate| ReceiveCodec {
        payload_type,
        codec,
        clock_rate,
        rtx_payload_type: Some(payload_type + 1),
    };
    ReceiveConfig {
        kind,
        codecs: match kind {
            Kind::Video => vec![codec(96, Codec::Vp8, 90_000), codec(98, Codec::H264, 90_000)],
            Kind::Audio => vec![codec(111, Codec::Opus, 48_000)],
        },
        ssrc: Some(ssrc),
        rtx_ssrc: None,
        own_ssrc: ssrc + 100,
        cname: "near".into(),
        mid: ssrc.to_string(),
        sync_group: "all".into(),
        extensions: IDS,
        feedback,
        deliver,
        min_delay: Duration::ZERO,
        max_delay: Duration::from_millis(max_delay),
    }
}

fuzz_target!(|input: (u8, Vec<Step>)| {
    let (flags, steps) = input;
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let mut now = Time::from_micros(1_000_000);
    let feedback = Feedback {
        nack: flag(0),
        pli: flag(1),
        fir: flag(2),
        remb: flag(3),
        transport_cc: flag(4),
        reduced_size: flag(5),
    };
    let mut endpoint = Endpoint::new(1, Rates::default(), now).expect("in order");
    let sender = SendConfig {
        codec: Codec::Vp8,
        payload_type: 96,
        clock_rate: 90_000,
        ssrc: 10,
        rtx: Some(Rtx { payload_type: 97, ssrc: 11 }),
        cname: "near".into(),
        mid: "0".into(),
        extensions: IDS,
        feedback,
        trailers: flag(6),
    };
    let sender = endpoint.add_sender(sender).expect("good");
    let media = if flag(6) { Deliver::Packets } else { Deliver::Media };
    let delay = if flag(7) { 200 } else { 0 };
    let picture = endpoint.add_receiver(receiver(Kind::Video, 20, media, delay, feedback)).expect("good");
    endpoint.add_receiver(receiver(Kind::Audio, 30, Deliver::Media, delay, feedback)).expect("good");
    for step in steps {
        match step {
            Step::Datagram(bytes) => endpoint.receive(&bytes, now),
            Step::Media { stream, number, timestamp, marker, transport, payload } => {
                let (payload_type, ssrc) =
                    [(96, 20), (97, 21), (98, 20), (99, 21), (111, 30), (96, 22)][usize::from(stream) % 6];
                let header = Header { marker, payload_type, sequence_number: number, timestamp, ssrc };
                let values = ExtensionValues {
                    abs_send_time: Some(timestamp & 0xff_ffff),
                    transport_cc: Some(transport),
                    ..ExtensionValues::default()
                };
                let mut datagram = Vec::new();
                header.write(&IDS, &values, &[&payload], 0, &mut datagram);
                endpoint.receive(&datagram, now);
            }
            Step::Rtcp { kind, count, mut body } => {
                body.resize(body.len().next_multiple_of(4).min(1_000), 0);
                let words = (body.len() / 4) as u16;
                let head = [0x80 | count & 0x1f, 200 + kind % 8, (words >> 8) as u8, words as u8];
                endpoint.receive(&[&head[..], &body].concat(), now);
            }
            Step::Send { timestamp, key, picture } => {
                let info = MediaInfo { key, ..MediaInfo::default() };
                let _ = endpoint.send(sender, &picture, timestamp, &info, now);
            }
            Step::KeyFrame => endpoint.request_key_frame(picture, now),
            Step::Wait(millis) => now += Duration::from_millis(millis.into()),
        }
        endpoint.tick(now);
        let sent = std::iter::from_fn(|| endpoint.next_datagram(now)).take(100_000).count();
        assert!(sent < 100_000, "it sends for ever");
        while let Some(event) = endpoint.next_event() {
            if let Event::Picture { picture, .. } = event {
                assert!(picture.first_arrival <= picture.complete && picture.complete <= now);
            }
        }
        endpoint.tick(now);
        assert!(endpoint.deadline().is_none_or(|deadline| deadline > now), "it wakes for nothing");
        let _ = (endpoint.transport_stats(now), endpoint.receiver_stats(picture), endpoint.sender_stats(sender));
    }
});
