//! Trailers of pictures: the bytes, what is none, and who gets to see one.

use proptest::prelude::*;
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::config::{
    Codec, Deliver, Feedback, Kind, Rates, ReceiveCodec, ReceiveConfig, SendConfig,
};
use realtime_fast_core::rtp::endpoint::Endpoint;
use realtime_fast_core::rtp::event::{Event, MediaInfo, Picture};
use realtime_fast_core::rtp::payload::Packetizer;
use realtime_fast_core::rtp::trailer::Trailer;
use realtime_fast_core::rtp::wire::{ExtensionIds, Packet};
use std::time::Duration;

const NOON: u64 = 1_795_780_800_123_456;

fn taken(user_timestamp: u64) -> Trailer {
    Trailer { user_timestamp: Some(user_timestamp), frame_id: 0 }
}

fn trailed(codec: Codec, picture: &[u8], trailer: Trailer) -> Option<Vec<u8>> {
    let mut bytes = picture.to_vec();
    trailer.append(codec, &mut bytes).then_some(bytes)
}

#[test]
fn the_bytes_are_livekits() {
    let bytes = trailed(Codec::Vp8, &[7], taken(NOON)).expect("a trailer");
    let inverted = NOON.to_be_bytes().map(|byte| byte ^ 0xff);
    assert_eq!(bytes, [&[7, 0xfe, 0xf7][..], &inverted, &[15 ^ 0xff], b"LKTS"].concat());
    let both = trailed(Codec::Vp8, &[7], Trailer { frame_id: 258, ..taken(NOON) }).expect("a trailer");
    let number = [0xfd, 0xfb, 0xff, 0xff, 0xfe, 0xfd];
    assert_eq!(both, [&[7, 0xfe, 0xf7][..], &inverted, &number, &[21 ^ 0xff], b"LKTS"].concat());
}

#[test]
fn nothing_and_empty_pictures_have_none() {
    assert_eq!(trailed(Codec::Vp8, &[], taken(NOON)), None);
    assert_eq!(trailed(Codec::Vp8, &[7], Trailer::default()), None);
}

#[test]
fn what_a_decoder_of_h264_would_take_for_a_start_code_is_left_out() {
    let unlucky = taken(0x0006_ffff_fe00_0000);
    assert_eq!(trailed(Codec::H264, &[0, 0, 1, 0x65], unlucky), None);
    assert!(trailed(Codec::Vp8, &[7], unlucky).is_some());
}

#[test]
fn other_fields_are_passed_over() {
    let of = |fields: &[u8]| {
        let length = [fields.len() as u8 + 5];
        let inverted = fields.iter().chain(&length).map(|byte| byte ^ 0xff);
        [7].into_iter().chain(inverted).chain(*b"LKTS").collect::<Vec<_>>()
    };
    let number = [2, 4, 0, 0, 1, 0];
    let found = |fields: &[u8]| Trailer::find(&of(fields)).map(|(trailer, _)| trailer.frame_id);
    assert_eq!(found(&number), Some(256));
    assert_eq!(found(&[&[9, 2, 1, 1][..], &number].concat()), Some(256), "an unknown one before");
    assert_eq!(found(&[&number[..], &[1, 8, 0]].concat()), Some(256), "one that is cut short behind");
    assert_eq!(found(&[3, 2, 1, 1]), Some(0), "a user's own");
    for none in [&[][..], &[9, 2, 1, 1], &[1, 7, 0, 0, 0, 0, 0, 0, 0], &[2, 5, 0]] {
        assert_eq!(found(none), None, "{none:?}");
    }
}

#[test]
fn lengths_that_cannot_be_make_no_trailer() {
    let good = trailed(Codec::Vp8, &[7], taken(NOON)).expect("a trailer");
    assert_eq!(Trailer::find(&good), Some((taken(NOON), 15)));
    assert_eq!(Trailer::find(&good[1..]), None, "a picture of nothing but its trailer");
    let at = good.len() - 5;
    for length in [0, 4, 16, 255] {
        let mut bad = good.clone();
        bad[at] = length ^ 0xff;
        assert_eq!(Trailer::find(&bad), None, "{length}");
    }
}

fn trailer() -> impl Strategy<Value = Trailer> {
    (any::<Option<u64>>(), any::<u32>())
        .prop_map(|(user_timestamp, frame_id)| Trailer { user_timestamp, frame_id })
}

/// NAL units in Annex B: parameter sets, and one or two slices.
fn access_unit() -> impl Strategy<Value = Vec<u8>> {
    let slice = prop::collection::vec(1u8..=255, 1..4000);
    prop::collection::vec(slice, 1..3).prop_map(|slices| {
        let parameters = vec![vec![0x67, 0x42, 0xe0], vec![0x68, 0xce]];
        let slices = slices.into_iter().map(|slice| [&[0x65][..], &slice].concat());
        parameters.into_iter().chain(slices).flat_map(|unit| [&[0, 0, 0, 1], &unit[..]].concat()).collect()
    })
}

fn frame() -> impl Strategy<Value = (Codec, Vec<u8>)> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..8000).prop_map(|frame| (Codec::Vp8, frame)),
        access_unit().prop_map(|unit| (Codec::H264, unit)),
    ]
}

proptest! {
    #[test]
    fn what_is_appended_is_found(picture in prop::collection::vec(any::<u8>(), 1..50), trailer in trailer()) {
        if let Some(bytes) = trailed(Codec::Vp8, &picture, trailer) {
            let (found, length) = Trailer::find(&bytes).expect("a trailer");
            prop_assert_eq!(found, trailer);
            prop_assert_eq!(&bytes[..bytes.len() - length], &picture[..]);
        } else {
            prop_assert_eq!(trailer, Trailer::default());
        }
    }

    #[test]
    fn any_bytes_are_read(mut bytes in prop::collection::vec(any::<u8>(), 0..40), letters in any::<bool>()) {
        if letters {
            bytes.extend(b"LKTS");
        }
        let length = Trailer::find(&bytes).map_or(0, |(_, length)| length);
        prop_assert!(length == 0 || length < bytes.len());
        for codec in [Codec::Vp8, Codec::H264] {
            let mut payload = bytes.clone();
            Trailer::strip(codec, &mut payload);
            prop_assert!([bytes.len(), bytes.len() - length].contains(&payload.len()));
        }
    }

    /// A forwarder sees packets only: the trailer lies in the last one, whole.
    #[test]
    fn the_last_payload_can_be_stripped(
        (codec, frame) in frame(),
        timestamp in NOON..NOON + 100_000_000,
        budget in 200usize..1200,
    ) {
        let trailer = Trailer { user_timestamp: Some(timestamp), frame_id: 12 };
        let Some(bytes) = trailed(codec, &frame, trailer) else { return Ok(()) };
        let mut payloads = Vec::new();
        Packetizer::new(codec, 0).packetize(&bytes, budget, &mut payloads).unwrap();
        Trailer::strip(codec, payloads.last_mut().unwrap());
        let mut again = Vec::new();
        codec.assemble(payloads.iter().map(Vec::as_slice), &mut again).unwrap();
        prop_assert_eq!(again, frame);
    }
}

// Who gets to see one

const FEEDBACK: Feedback =
    Feedback { nack: true, pli: true, fir: false, remb: false, transport_cc: false, reduced_size: true };

fn sender(trailers: bool) -> SendConfig {
    SendConfig {
        codec: Codec::Vp8,
        payload_type: 96,
        clock_rate: 90_000,
        ssrc: 1,
        rtx: None,
        cname: "near".into(),
        mid: "0".into(),
        extensions: ExtensionIds::default(),
        feedback: FEEDBACK,
        trailers,
    }
}

fn receiver(deliver: Deliver) -> ReceiveConfig {
    let codec =
        ReceiveCodec { payload_type: 96, codec: Codec::Vp8, clock_rate: 90_000, rtx_payload_type: None };
    ReceiveConfig {
        kind: Kind::Video,
        codecs: vec![codec],
        ssrc: Some(1),
        rtx_ssrc: None,
        own_ssrc: 2,
        cname: "far".into(),
        mid: "0".into(),
        sync_group: String::new(),
        extensions: ExtensionIds::default(),
        feedback: FEEDBACK,
        deliver,
        min_delay: Duration::ZERO,
        max_delay: Duration::ZERO,
    }
}

const NOW: Time = Time::from_micros(1_000_000);

fn endpoint() -> Endpoint {
    Endpoint::new(1, Rates::default(), NOW).expect("rates in order")
}

/// What a sender puts on the wire for a picture of some packets.
fn sent(near: &mut Endpoint) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    for millis in 0..200 {
        let now = NOW + Duration::from_millis(millis);
        near.tick(now);
        datagrams.extend(std::iter::from_fn(|| near.next_datagram(now)));
    }
    datagrams.retain(|datagram| Packet::parse(datagram).is_ok_and(|packet| packet.header.payload_type == 96));
    datagrams
}

fn published(trailers: bool) -> Vec<Vec<u8>> {
    let mut near = endpoint();
    let id = near.add_sender(sender(trailers)).expect("good");
    let info = MediaInfo { key: true, trailer: Some(taken(NOON)), ..MediaInfo::default() };
    near.send(id, &[0x10; 3000], 0, &info, NOW).expect("it was added");
    sent(&mut near)
}

fn received(datagrams: &[Vec<u8>]) -> Picture {
    let mut far = endpoint();
    far.add_receiver(receiver(Deliver::Media)).expect("good");
    for datagram in datagrams {
        far.receive(datagram, NOW);
    }
    far.tick(NOW);
    match far.next_event() {
        Some(Event::Picture { picture, .. }) => picture,
        other => panic!("{other:?}"),
    }
}

fn forwarded(datagrams: &[Vec<u8>], trailers: bool) -> Vec<Vec<u8>> {
    let (mut ingress, mut egress) = (endpoint(), endpoint());
    ingress.add_receiver(receiver(Deliver::Packets)).expect("good");
    let out = egress.add_sender(sender(trailers)).expect("good");
    for datagram in datagrams {
        ingress.receive(datagram, NOW);
    }
    while let Some(event) = ingress.next_event() {
        let Event::Packet { packet, .. } = event else { panic!("{event:?}") };
        egress.forward(out, &packet, NOW).expect("it was added");
    }
    sent(&mut egress)
}

fn ends_with_letters(datagrams: &[Vec<u8>]) -> bool {
    datagrams.last().expect("a packet").ends_with(b"LKTS")
}

#[test]
fn whoever_takes_trailers_off_is_sent_them_and_no_other() {
    for (trailers, expected) in [(true, Some(taken(NOON))), (false, None)] {
        let datagrams = published(trailers);
        assert_eq!(ends_with_letters(&datagrams), trailers);
        let picture = received(&datagrams);
        assert_eq!((picture.data, picture.trailer), (vec![0x10; 3000], expected));
    }
}

#[test]
fn a_forwarder_takes_them_off_for_those_who_do_not() {
    let datagrams = published(true);
    for (trailers, expected) in [(true, Some(taken(NOON))), (false, None)] {
        let passed_on = forwarded(&datagrams, trailers);
        assert_eq!(ends_with_letters(&passed_on), trailers);
        let picture = received(&passed_on);
        assert_eq!((picture.data, picture.trailer), (vec![0x10; 3000], expected));
    }
}
