//! Pictures to payloads and back: the layouts of the RFCs, round trips, and any bytes at all.

use proptest::prelude::*;
use realtime_fast_core::rtp::payload::{Codec, Fragment, Kind, Packetizer, PictureId, h264, opus, vp8};

const VIDEO: [Codec; 2] = [Codec::Vp8, Codec::H264];

fn packetized(codec: Codec, picture: &[u8], budget: usize) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    Packetizer::new(codec, 0).packetize(picture, budget, &mut payloads).unwrap();
    payloads
}

fn assembled(codec: Codec, payloads: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    match codec.assemble(payloads.iter().map(Vec::as_slice), &mut out) {
        Ok(()) => Ok(out),
        Err(error) => Err(error.to_string()),
    }
}

fn inspected(codec: Codec, payload: &[u8]) -> Fragment {
    codec.inspect(payload).unwrap()
}

fn refused(codec: Codec, payload: &[u8]) -> String {
    codec.inspect(payload).unwrap_err().to_string()
}

/// NAL units in Annex B; the first start code has three bytes.
fn annex_b(units: &[&[u8]]) -> Vec<u8> {
    units.join(&[0, 0, 0, 1][..]).into_iter().fold(vec![0, 0, 1], |mut stream, byte| {
        stream.push(byte);
        stream
    })
}

#[test]
fn each_codec_has_its_kind() {
    assert_eq!(VIDEO.map(Codec::kind), [Kind::Video; 2]);
    assert_eq!(Codec::Opus.kind(), Kind::Audio);
}

#[test]
fn nothing_is_no_picture() {
    for (codec, payload) in [(Codec::Vp8, &[0x10][..]), (Codec::H264, &[0x78]), (Codec::Opus, &[])] {
        assert!(packetized(codec, &[], 100).is_empty());
        assert_eq!(assembled(codec, &[]).unwrap_err(), "picture: expected at least 1 byte, got 0");
        assert!(
            assembled(codec, &[payload.to_vec()]).unwrap_err().ends_with("expected at least 1 byte, got 0")
        );
    }
}

#[test]
fn a_vp8_picture_is_cut_evenly_and_numbered() {
    let key = [0x10; 25];
    let mut packetizer = Packetizer::new(Codec::Vp8, 0x8000 | 0x7fff);
    let mut payloads = Vec::new();
    packetizer.packetize(&key, 14, &mut payloads).unwrap();
    let sizes: Vec<_> = payloads.iter().map(Vec::len).collect();
    assert_eq!(sizes, [13, 13, 11]);
    assert_eq!(payloads[0][..5], [0x90, 0x80, 0xff, 0xff, 0x10]);
    assert_eq!(payloads[1][..5], [0x80, 0x80, 0xff, 0xff, 0x10]);
    assert_eq!(assembled(Codec::Vp8, &payloads).unwrap(), key);
    packetizer.packetize(&[], 14, &mut payloads).unwrap();
    packetizer.packetize(&[1], 14, &mut payloads).unwrap();
    assert_eq!(payloads[3..], [[0x90, 0x80, 0x80, 0x00, 1]]);
    let short = packetizer.packetize(&key, 4, &mut payloads).unwrap_err();
    assert_eq!(short.to_string(), "budget of a VP8 payload: expected at least 5 bytes, got 4");
}

#[test]
fn vp8_descriptors_are_those_of_rfc_7741() {
    let delta = Fragment { starts: true, ..Fragment::default() };
    let key = Fragment { key: true, ..delta };
    let id = |value, bits| Some(PictureId { value, bits });
    for (payload, fragment) in [
        (&[0x10, 0x00][..], key),
        (&[0x10, 0x01], delta),
        // Another partition; a part that does not start; one of a picture that is not referred to.
        (&[0x11, 0x00], Fragment::default()),
        (&[0x00, 0x00], Fragment::default()),
        (&[0x30, 0x01], delta),
        (&[0x90, 0x80, 0x7f, 0x00], Fragment { picture_id: id(127, 7), ..key }),
        (&[0x90, 0x80, 0x81, 0x02, 0x00], Fragment { picture_id: id(258, 15), ..key }),
        (&[0x90, 0x40, 9, 0x01], Fragment { base_index: Some(9), ..delta }),
        (&[0x90, 0x20, 0xc0, 0x01], Fragment { temporal_layer: Some(3), ..delta }),
        // Only a key index shares the byte of the layer.
        (&[0x90, 0x10, 0xc0, 0x01], delta),
        (
            &[0x90, 0xf0, 0x80, 0x01, 5, 0x41, 0x00],
            Fragment { picture_id: id(1, 15), base_index: Some(5), temporal_layer: Some(1), ..key },
        ),
        (&[0x10], delta),
    ] {
        assert_eq!(inspected(Codec::Vp8, payload), fragment, "{payload:?}");
    }
    for short in [&[][..], &[0x90], &[0x90, 0x80], &[0x90, 0x80, 0x81], &[0x90, 0xf0, 0x01, 2]] {
        let expected = format!("VP8 payload: expected at least its descriptor's bytes, got {}", short.len());
        assert_eq!(refused(Codec::Vp8, short), expected);
    }
}

#[test]
fn picture_ids_follow_each_other_over_their_wrap() {
    let id = |value, bits| PictureId { value, bits };
    assert!(id(6, 15).follows(id(5, 15)) && !id(7, 15).follows(id(5, 15)) && !id(5, 15).follows(id(5, 15)));
    assert!(id(0, 7).follows(id(127, 7)) && !id(0, 15).follows(id(127, 15)));
    assert!(id(0, 15).follows(id(0x7fff, 15)));
}

#[test]
fn a_passed_on_picture_keeps_the_width_of_its_number() {
    for (mut payload, expected) in [
        (vec![0x90, 0x80, 0xff, 0xff, 1], vec![0x90, 0x80, 0x81, 0x02, 1]),
        (vec![0x90, 0x80, 0x7f, 1], vec![0x90, 0x80, 0x02, 1]),
    ] {
        assert!(vp8::renumber(&mut payload, 258));
        assert_eq!(payload, expected);
    }
    for without in [&[0x10, 1, 2, 3][..], &[0x90, 0x40, 2, 3], &[0x90, 0x80, 0x81], &[]] {
        let mut payload = without.to_vec();
        assert!(!vp8::renumber(&mut payload, 258));
        assert_eq!(payload, without);
    }
}

#[test]
fn a_vp8_picture_has_one_first_payload() {
    let payloads = packetized(Codec::Vp8, &[1; 100], 24);
    let expected = "VP8 picture: expected its first payload, and no other, to start it, got ";
    assert_eq!(assembled(Codec::Vp8, &payloads[1..]).unwrap_err(), format!("{expected}0"));
    let twice = [&payloads[..2], &payloads[..1]].concat();
    assert_eq!(assembled(Codec::Vp8, &twice).unwrap_err(), format!("{expected}2"));
}

#[test]
fn small_nal_units_share_a_payload_and_large_ones_are_cut() {
    let (sps, pps, idr) = (&[0x67, 1, 2, 3][..], &[0x68, 4][..], &[&[0x65][..], &[9; 24]].concat()[..]);
    let payloads = packetized(Codec::H264, &annex_b(&[sps, pps, idr]), 14);
    let aggregate = [&[0x78, 0, 4][..], sps, &[0, 2], pps].concat();
    assert_eq!(payloads[0], aggregate);
    assert_eq!(payloads[1], [&[0x7c, 0x85][..], &[9; 12]].concat());
    assert_eq!(payloads[2], [&[0x7c, 0x45][..], &[9; 12]].concat());
    assert_eq!(payloads.len(), 3);
    let four = |unit: &[u8]| [&[0, 0, 0, 1], unit].concat();
    assert_eq!(assembled(Codec::H264, &payloads).unwrap(), [four(sps), four(pps), four(idr)].concat());
    // What follows a cut unit begins a payload of its own.
    let payloads = packetized(Codec::H264, &annex_b(&[idr, pps, pps]), 14);
    assert_eq!(payloads[2..], [[0x78, 0, 2, 0x68, 4, 0, 2, 0x68, 4]]);
    // The most important unit decides for all.
    let payloads = packetized(Codec::H264, &annex_b(&[&[0x06, 1], &[0x41, 2]]), 100);
    assert_eq!(payloads, [[0x58, 0, 2, 0x06, 1, 0, 2, 0x41, 2]]);
}

#[test]
fn nal_units_are_found_between_start_codes() {
    let units = |stream: &[u8]| h264::nal_units(stream).map(|units| units.map(<[u8]>::to_vec).collect());
    let found: Vec<Vec<u8>> = vec![vec![0x67, 1, 0, 2], vec![0x65, 0, 3]];
    for stream in [
        &[0, 0, 1, 0x67, 1, 0, 2, 0, 0, 1, 0x65, 0, 3][..],
        &[0, 0, 0, 0, 1, 0x67, 1, 0, 2, 0, 0, 0, 0, 1, 0x65, 0, 3, 0, 0],
        &[0, 0, 1, 0, 0, 1, 0x67, 1, 0, 2, 0, 0, 1, 0x65, 0, 3, 0, 0, 1],
    ] {
        assert_eq!(units(stream), Ok(found.clone()), "{stream:?}");
    }
    assert_eq!(units(&[]), Ok(vec![]));
    let refused = units(&[0, 7, 0, 0, 1, 0x65]).unwrap_err().to_string();
    assert_eq!(refused, "H.264 byte stream: expected zeros before its first start code, got 2");
    let refused = units(&[0x65, 1]).unwrap_err().to_string();
    assert_eq!(refused, "H.264 byte stream: expected zeros before its first start code, got 2");
}

#[test]
fn what_h264_cannot_carry_is_refused() {
    let mut packetizer = Packetizer::new(Codec::H264, 0);
    let mut refused = |picture: &[u8], budget| {
        packetizer.packetize(picture, budget, &mut Vec::new()).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&[0, 0, 1, 0x65, 1], 2),
        "budget of an H.264 payload: expected at least 3 bytes, got 2"
    );
    assert_eq!(refused(&[0, 0, 1, 0x78, 1], 100), "type of a NAL unit: expected 1 to 23, got 24");
}

#[test]
fn h264_fragments_tell_where_they_stand() {
    let starts = Fragment { starts: true, ..Fragment::default() };
    let key = Fragment { key: true, ..Fragment::default() };
    let both = Fragment { starts: true, key: true, ..Fragment::default() };
    for (payload, fragment) in [
        // The first macroblock in the first slice, another in the second.
        (&[0x65, 0x88][..], both),
        (&[0x65, 0x48], key),
        (&[0x41, 0x9a], starts),
        (&[0x41, 0x5a], Fragment::default()),
        (&[0x67, 0x42], both),
        (&[0x68, 0x00], starts),
        (&[0x06, 0x05], starts),
        (&[0x7c, 0x85, 0x88], both),
        (&[0x7c, 0x05, 0x88], key),
        (&[0x7c, 0x45, 0x88], key),
        (&[0x5c, 0x81, 0x9a], starts),
        (&[0x78, 0, 2, 0x67, 0x42, 0, 2, 0x65, 0x48], both),
        (&[0x78, 0, 2, 0x41, 0x5a, 0, 2, 0x65, 0x88], key),
    ] {
        assert_eq!(inspected(Codec::H264, payload), fragment, "{payload:?}");
    }
    assert_eq!(refused(Codec::H264, &[]), "H.264 payload: expected at least 1 byte, got 0");
    for kind in [0, 25, 29, 31] {
        let expected = format!("type of an H.264 payload: expected 1 to 24, or 28, got {kind}");
        assert_eq!(refused(Codec::H264, &[kind, 1, 2]), expected);
    }
    for fragment in [&[0x7c][..], &[0x7c, 0x80], &[0x7c, 0x98, 1]] {
        let expected = format!("H.264 fragment: expected a part of a NAL unit, got {}", fragment.len());
        assert_eq!(refused(Codec::H264, fragment), expected);
    }
    for (aggregate, got) in [(&[0x78, 0][..], 1), (&[0x78, 0, 0], 2), (&[0x78, 0, 1, 0x65, 0, 9, 0x65], 3)] {
        let expected = format!("H.264 aggregate: expected NAL units as long as they say, got {got}");
        assert_eq!(refused(Codec::H264, aggregate), expected);
    }
}

#[test]
fn h264_fragments_join_only_from_first_to_last() {
    let unit = [&[0x65][..], &[9; 50]].concat();
    let payloads = packetized(Codec::H264, &annex_b(&[&unit]), 20);
    assert_eq!(payloads.len(), 3);
    let broken = "H.264 picture: expected fragments from the first to the last, with nothing between, got ";
    for order in [&[1, 2][..], &[0, 0, 1, 2], &[0, 1, 2, 2]] {
        let chosen: Vec<_> = order.iter().map(|index| payloads[*index].clone()).collect();
        assert!(assembled(Codec::H264, &chosen).unwrap_err().starts_with(broken), "{order:?}");
    }
    let cut = assembled(Codec::H264, &payloads[..2]).unwrap_err();
    assert_eq!(cut, "H.264 picture: expected the last fragment, got 101");
    let single = [payloads[0].clone(), vec![0x68, 1], payloads[1].clone(), payloads[2].clone()];
    assert!(assembled(Codec::H264, &single).unwrap_err().starts_with(broken));
    let mut other = payloads.clone();
    other[1][1] = 0x01;
    let mixed = assembled(Codec::H264, &other).unwrap_err();
    assert_eq!(mixed, "H.264 picture: expected fragments of one NAL unit, got 97");
}

#[test]
fn opus_is_one_payload() {
    assert_eq!(packetized(Codec::Opus, &[1; 2000], 10), [[1; 2000]]);
    assert_eq!(packetized(Codec::Opus, &[], 10), Vec::<Vec<u8>>::new());
    assert_eq!(assembled(Codec::Opus, &[vec![1, 2]]).unwrap(), [1, 2]);
    assert_eq!(inspected(Codec::Opus, &[1]), Fragment { starts: true, key: true, ..Fragment::default() });
    assert_eq!(refused(Codec::Opus, &[]), "Opus payload: expected at least 1 byte, got 0");
    assert_eq!(assembled(Codec::Opus, &[vec![1], vec![2]]).unwrap_err(), "Opus: expected one payload, got 2");
}

#[test]
fn opus_tells_how_long_it_sounds() {
    // Configuration, two bits of how many frames, for three of them a count (RFC 6716 section 3.1).
    for (packet, ticks) in [
        (&[0 << 3][..], Some(480)),
        (&[3 << 3], Some(2880)),
        (&[11 << 3 | 1], Some(5760)),
        (&[12 << 3], Some(480)),
        (&[15 << 3], Some(960)),
        (&[16 << 3], Some(120)),
        (&[31 << 3], Some(960)),
        (&[31 << 3 | 4 | 2], Some(1920)),
        (&[31 << 3 | 3, 0x80 | 3], Some(2880)),
        (&[31 << 3 | 3, 6], Some(5760)),
        (&[31 << 3 | 3, 7], None),
        (&[31 << 3 | 3, 0], None),
        (&[31 << 3 | 3], None),
        (&[3 << 3 | 3, 3], None),
        (&[], None),
    ] {
        assert_eq!(opus::duration(packet), ticks, "{packet:?}");
    }
}

prop_compose! {
    /// A NAL unit as an encoder makes it: no start code inside, no zero at the end.
    fn any_unit()(kind in 1_u8..24, importance in 0_u8..4, mut body in proptest::collection::vec(0_u8..4, 0..300)) -> Vec<u8> {
        for at in 2..body.len() {
            if body[at - 2..at] == [0, 0] && body[at] < 3 {
                body[at] = 3;
            }
        }
        body.push(0x80);
        [vec![importance << 5 | kind], body].concat()
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 500 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn a_vp8_picture_comes_back(picture in proptest::collection::vec(any::<u8>(), 1..5000), budget in 5_usize..1300) {
        let payloads = packetized(Codec::Vp8, &picture, budget);
        let (least, most) = payloads.iter().fold((usize::MAX, 0), |(least, most), payload| {
            (least.min(payload.len()), most.max(payload.len()))
        });
        prop_assert!(most <= budget && most - least <= payloads.len(), "{least} to {most}");
        for (index, payload) in payloads.iter().enumerate() {
            let fragment = inspected(Codec::Vp8, payload);
            prop_assert_eq!(fragment.starts, index == 0);
            prop_assert_eq!(fragment.key, index == 0 && picture[0] & 1 == 0);
        }
        prop_assert_eq!(assembled(Codec::Vp8, &payloads), Ok(picture));
    }

    #[test]
    fn an_h264_picture_comes_back(units in proptest::collection::vec(any_unit(), 1..8), budget in 3_usize..400) {
        let units: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
        let payloads = packetized(Codec::H264, &annex_b(&units), budget);
        prop_assert!(payloads.iter().all(|payload| payload.len() <= budget));
        let key = units.iter().any(|unit| matches!(unit[0] & 31, 5 | 7));
        prop_assert_eq!(payloads.iter().any(|payload| inspected(Codec::H264, payload).key), key);
        let expected: Vec<u8> = units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect();
        prop_assert_eq!(assembled(Codec::H264, &payloads), Ok(expected));
    }

    /// What does not fit exactly is not padded, lost or said to be a picture.
    #[test]
    fn any_payloads_make_a_picture_or_none(payloads: Vec<Vec<u8>>, first in any::<u8>(), kind in 0_usize..3) {
        let codec = [Codec::Vp8, Codec::H264, Codec::Opus][kind];
        let mut payloads = payloads;
        if let Some(byte) = payloads.first_mut().and_then(|payload| payload.first_mut()) {
            *byte = first;
        }
        let readable = payloads.iter().all(|payload| codec.inspect(payload).is_ok());
        if let Ok(picture) = assembled(codec, &payloads) {
            prop_assert!(readable);
            prop_assert!(picture.len() <= payloads.iter().map(|payload| payload.len() * 4 + 4).sum());
        }
    }
}
