//! What incoming streams ask for again, when they give it up, and when they ask for a key frame instead.

mod reception;

use realtime_fast_core::rtp::config::{Codec, Deliver, Feedback, Kind, ReceiveConfig};
use realtime_fast_core::rtp::event::ReceiverId;
use realtime_fast_core::rtp::receive::{Incoming, KeyFrameRequest, Tuning};
use realtime_fast_core::rtp::wire::Packet;
use reception::{Far, INTERVAL, Near, at, begun, config};
use std::collections::VecDeque;
use std::time::Duration;

#[test]
fn what_is_missing_is_asked_for_and_holds_back_what_follows() {
    for (mut far, mut near) in begun() {
        let lost = far.picture(false, 3);
        near.until(INTERVAL);
        near.receive(&lost[0]);
        near.receive(&lost[2]);
        near.until(2 * INTERVAL);
        near.all(&far.picture(false, 1));
        assert_eq!(near.pictures(), []);
        assert_eq!(near.asked.len(), 1, "{:?}", near.asked);
        assert_eq!(near.asked[0].0, INTERVAL);
        near.now = 3 * INTERVAL - 1;
        near.receive(&far.again(&lost[1]));
        let pictures = near.pictures();
        assert_eq!(pictures.len(), 2);
        assert!(pictures.iter().all(|picture| picture.contiguous));
        let stats = near.stream.stats();
        assert_eq!(
            (stats.retransmitted_packets_received, stats.packets_lost, stats.frames_dropped),
            (1, 1, 0)
        );
    }
}

/// Nothing comes after the last packet of a picture to tell that it is missing.
#[test]
fn a_copy_that_was_not_asked_for_completes_a_picture() {
    for (mut far, mut near) in begun() {
        let picture = far.picture(false, 3);
        near.receive(&picture[0]);
        near.receive(&picture[1]);
        near.receive(&far.again(&picture[0]));
        near.receive(&far.again(&picture[2]));
        assert_eq!(near.pictures().len(), 1);
        near.until(INTERVAL);
        near.receive(&far.again(&picture[1]));
        assert_eq!(near.asked.len(), 0);
        let stats = near.stream.stats();
        assert_eq!((stats.packets_lost, stats.packets_discarded), (1, 0), "copies are no discarded packets");
    }
}

/// pion/webrtc#3063, pion/interceptor#320: what a retransmission brought was asked for again.
#[test]
fn what_was_recovered_is_not_asked_for_again() {
    for (mut far, mut near) in begun() {
        let lost = far.picture(false, 3);
        near.receive(&lost[0]);
        near.receive(&lost[2]);
        near.until(80);
        near.receive(&far.again(&lost[1]));
        let asked = near.asked.len();
        for number in 3..40 {
            near.until(number * INTERVAL);
            near.all(&far.picture(false, 1));
        }
        assert_eq!((asked, near.asked.len()), (1, 1));
    }
}

/// str0m#744: asked for again before an answer could have come; pion/interceptor#208: for ever.
#[test]
fn a_packet_is_asked_for_once_a_round_trip_and_not_for_ever() {
    let tuning = Tuning {
        max_gap_age: Duration::from_secs(60),
        min_gap_age: Duration::from_secs(60),
        ..Tuning::default()
    };
    let (mut far, mut near) =
        (Far::new(Codec::Vp8), Near::tuned(config(Kind::Video, Deliver::Media), tuning));
    near.stream.set_round_trip(Duration::from_millis(80));
    near.all(&far.picture(true, 1));
    far.picture(false, 1);
    near.all(&far.picture(false, 1));
    near.until(20_000);
    let times: Vec<u64> = near.asked.iter().map(|(millis, _)| *millis).collect();
    assert_eq!(times.len(), usize::from(tuning.max_requests));
    assert!(times.windows(2).all(|two| two[1] - two[0] >= 90), "{times:?}");
    assert!(times[1] - times[0] <= 110, "{times:?}");
}

#[test]
fn the_wait_for_an_answer_follows_how_long_answers_take() {
    let (mut far, mut near) = (Far::new(Codec::Vp8), Near::video());
    near.all(&far.picture(true, 1));
    for number in 1..30 {
        near.until(number * 1000);
        let lost = far.picture(false, 1);
        near.all(&far.picture(false, 1));
        near.until(number * 1000 + 30);
        near.receive(&far.again(&lost[0]));
    }
    near.asked.clear();
    near.until(30_000);
    far.picture(false, 1);
    near.all(&far.picture(false, 1));
    near.until(30_060);
    let times: Vec<u64> = near.asked.iter().map(|(millis, _)| *millis).collect();
    assert!(times.len() == 2 && (35..50).contains(&(times[1] - times[0])), "{times:?}");
}

#[test]
fn a_key_frame_is_asked_for_where_repair_takes_too_long() {
    for (mut far, mut near) in begun() {
        near.stream.set_round_trip(Duration::from_millis(80));
        far.picture(false, 1);
        for number in 1..=10 {
            near.all(&far.picture(false, 2));
            near.until(number * INTERVAL);
        }
        assert_eq!(near.pictures(), []);
        // Three round trips and an allowance.
        assert_eq!(near.key_frames_asked, [360]);
        near.all(&far.picture(true, 3));
        near.all(&far.picture(false, 1));
        let pictures = near.pictures();
        let order: Vec<_> = pictures.iter().map(|picture| (picture.key, picture.contiguous)).collect();
        assert_eq!(order, [(true, false), (false, true)]);
        near.until(10_000);
        assert_eq!(near.key_frames_asked.len(), 1);
        assert_eq!(near.stream.stats().frames_dropped, 10);
    }
}

#[test]
fn repair_that_comes_before_the_key_frame_is_still_of_use() {
    for (mut far, mut near) in begun() {
        near.stream.set_round_trip(Duration::from_millis(80));
        let lost = far.picture(false, 1);
        near.all(&far.picture(false, 2));
        near.until(400);
        assert_eq!(near.key_frames_asked, [360]);
        near.receive(&far.again(&lost[0]));
        assert_eq!(near.keys(), [false, false]);
        near.until(10_000);
        assert_eq!(near.key_frames_asked, [360], "none is needed any more");
    }
}

#[test]
fn what_is_before_a_key_frame_that_comes_is_not_asked_for_any_more() {
    for (mut far, mut near) in begun() {
        near.stream.set_round_trip(Duration::from_millis(80));
        far.picture(false, 1);
        let key = far.picture(true, 3);
        near.receive(&key[0]);
        near.all(&key[2..]);
        near.until(500);
        assert!(near.asked.len() > 3);
        let key_number = Packet::parse(&key[1]).expect("our own").header.sequence_number;
        assert!(near.asked[1..].iter().all(|(_, numbers)| *numbers == [key_number]), "{:?}", near.asked);
        near.receive(&far.again(&key[1]));
        assert_eq!(near.keys(), [true]);
    }
}

#[test]
fn what_is_missing_for_too_long_is_given_up() {
    for (mut far, mut near) in begun() {
        near.stream.set_round_trip(Duration::from_millis(80));
        let lost = far.picture(false, 1);
        near.all(&far.picture(false, 2));
        near.until(2 * 360);
        near.receive(&far.again(&lost[0]));
        assert_eq!(near.pictures(), [], "those after it would come too late");
        near.all(&far.picture(true, 1));
        assert_eq!(near.keys(), [true]);
    }
}

#[test]
fn a_key_frame_ends_the_wait_for_what_is_before_it() {
    for (mut far, mut near) in begun() {
        far.picture(false, 1);
        near.all(&far.picture(false, 1));
        near.until(INTERVAL);
        near.all(&far.picture(true, 2));
        assert_eq!(near.keys(), [true]);
        near.until(5000);
        assert!(near.key_frames_asked.is_empty());
        assert_eq!(near.asked.len(), 1, "what is before the key frame is of no use any more");
    }
}

/// livekit#3490, mediasoup#232: storms of requests.
#[test]
fn key_frames_are_asked_for_seldom_and_not_once_they_come() {
    for (mut far, mut near) in begun() {
        // One packet in three is lost, none repaired, for a minute; each request is answered, and the answer damaged.
        let mut answered = 0;
        for number in 0..1500 {
            near.until(number * INTERVAL);
            let key = near.key_frames_asked.len() > answered;
            answered = near.key_frames_asked.len();
            let packets = far.picture(key, if key { 12 } else { 3 });
            packets
                .iter()
                .enumerate()
                .filter(|(i, _)| i % 3 != 1)
                .for_each(|(_, packet)| near.receive(packet));
        }
        assert!(
            (10..60).contains(&near.key_frames_asked.len()),
            "{} in a minute",
            near.key_frames_asked.len()
        );
        assert!(near.key_frames_asked.windows(2).all(|two| two[1] - two[0] >= 300));
        let asked = near.key_frames_asked.len();
        near.all(&far.picture(true, 3));
        near.until(70_000);
        assert_eq!(near.key_frames_asked.len(), asked);
        assert_eq!(near.pictures().len(), 1);
    }
}

#[test]
fn a_stream_without_a_key_frame_at_its_start_is_asked_for_one() {
    let (mut far, mut near) = (Far::new(Codec::Vp8), Near::video());
    near.all(&far.picture(false, 3));
    near.until(29);
    assert!(near.key_frames_asked.is_empty(), "the key frame may have been overtaken");
    near.until(35);
    assert_eq!(near.key_frames_asked.len(), 1);
    assert_eq!(near.pictures(), []);
}

#[test]
fn a_decoder_that_failed_gets_nothing_until_a_key_frame() {
    for (mut far, mut near) in begun() {
        near.stream.need_key_frame(at(0));
        near.ask();
        assert_eq!(near.key_frames_asked, [0]);
        near.all(&far.picture(false, 1));
        assert_eq!(near.pictures(), []);
        near.all(&far.picture(true, 1));
        near.all(&far.picture(false, 1));
        assert_eq!(near.keys(), [true, false]);
    }
}

#[test]
fn packets_that_overtake_each_other_are_soon_waited_for_before_they_are_asked_for() {
    let (mut far, mut near) = begun().remove(0);
    for number in 1..100 {
        near.until(number * INTERVAL);
        let packets = far.picture(false, 2);
        near.receive(&packets[1]);
        near.until(number * INTERVAL + 5);
        near.receive(&packets[0]);
    }
    assert_eq!(near.pictures().len(), 99);
    assert!(near.asked.len() <= 2, "{:?}", near.asked);
}

#[test]
fn a_loss_of_thousands_begins_anew_with_a_key_frame() {
    for (mut far, mut near) in begun() {
        far.number += 1500;
        near.all(&far.picture(false, 1));
        near.until(40);
        assert_eq!(near.key_frames_asked.len(), 1);
        assert!(near.asked.is_empty(), "nobody can repair that: {:?}", near.asked.len());
        near.all(&far.picture(true, 1));
        assert_eq!(near.keys(), [true]);
    }
}

#[test]
fn a_picture_of_the_base_layer_goes_on_where_one_of_an_upper_layer_is_lost() {
    let mut near = Near::video();
    let mut far = Far::new(Codec::Vp8);
    // X, S; I, L, T; PictureID; TL0PICIDX; TID; then the picture.
    let mut layered = |id: u8, base: u8, layer: u8, key: bool| {
        far.timestamp += 3600;
        far.packet(&[0x90, 0xe0, id, base, layer << 6, u8::from(!key), 1], true, 0)
    };
    near.receive(&layered(1, 1, 0, true));
    layered(2, 1, 1, false);
    near.receive(&layered(3, 2, 0, false));
    assert_eq!(near.keys(), [true], "what is missing may be had in time");
    near.until(1000);
    assert_eq!(near.keys(), [false]);
    assert!(near.key_frames_asked.is_empty());
    layered(4, 2, 1, false);
    near.receive(&layered(5, 2, 1, false));
    near.until(1450);
    assert_eq!(near.pictures(), []);
    assert_eq!(near.key_frames_asked.len(), 1, "an upper layer may refer to what is lost");
}

#[test]
fn what_a_forwarder_misses_is_given_up_by_its_age() {
    let (mut far, mut near) = (Far::new(Codec::Vp8), Near::new(config(Kind::Video, Deliver::Packets)));
    near.all(&far.picture(true, 1));
    let late = far.picture(false, 1);
    near.all(&far.picture(false, 1));
    near.until(3000);
    let asked = near.asked.len();
    assert!((4..8).contains(&asked), "{asked}");
    near.receive(&late[0]);
    assert_eq!(near.packets().len(), 2, "what comes so late is of no use");
}

#[test]
fn key_frames_are_asked_for_as_agreed() {
    let video = config(Kind::Video, Deliver::Media);
    for (pli, fir, expected) in [
        (true, true, Some(KeyFrameRequest::Pli)),
        (false, true, Some(KeyFrameRequest::Fir(1))),
        (false, false, None),
    ] {
        let feedback = Feedback { pli, fir, ..video.feedback };
        let mut stream =
            Incoming::new(ReceiverId(0), ReceiveConfig { feedback, ..video.clone() }, Tuning::default());
        stream.need_key_frame(at(0));
        let mut events = VecDeque::new();
        let datagram = Far::new(Codec::Vp8).picture(false, 1).remove(0);
        stream.receive(&Packet::parse(&datagram).expect("our own"), datagram.len(), at(0), &mut events);
        assert_eq!(stream.key_frame_request(at(0)), expected);
    }
}

/// aiortc#461: the jitter buffer was emptied at 65535; and nothing may grow.
#[test]
#[cfg_attr(miri, ignore = "too much for an interpreter")]
fn an_hour_of_a_bad_network_leaves_nothing_behind() {
    for (mut far, mut near) in begun() {
        let mut handed_out = 0_usize;
        let mut chance = 1_u32;
        let mut repaired = Vec::new();
        for number in 1..90_000 {
            near.until(number * INTERVAL);
            let answers = std::mem::take(&mut repaired);
            let key = near.key_frames_asked.pop().is_some();
            for packet in far.picture(key, if key { 6 } else { 2 }) {
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                match chance >> 24 {
                    0..2 => {}
                    2..16 => repaired.push(far.again(&packet)),
                    _ => near.receive(&packet),
                }
            }
            near.all(&answers);
            handed_out += near.pictures().len();
            near.asked.clear();
        }
        let stats = near.stream.stats();
        assert!(handed_out > 70_000, "{handed_out} {stats:?}");
        assert!(handed_out as u64 + stats.frames_dropped <= 90_000);
        assert!(stats.packets_lost > 5_000);
    }
}
