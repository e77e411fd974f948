//! What an endpoint sends: packets, again and in time, and what its encoders are told.

mod sending;

use proptest::prelude::*;
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::config::{Feedback, SendConfig};
use realtime_fast_core::rtp::event::{Event, MediaInfo, SenderId};
use realtime_fast_core::rtp::wire::feedback::{FeedbackNames, write_feedback};
use realtime_fast_core::rtp::wire::rtcp::{
    FirRequest, ReportBlock, Rtcp, packets, write_fir, write_pli, write_receiver_report, write_remb,
};
use sending::{AUDIO, Left, Near, ROUND_TRIP, RTX, VIDEO, at, audio, numbers, video};
use std::collections::HashMap;
use std::time::Duration;

#[test]
fn a_picture_is_packets_in_a_row_with_all_that_was_agreed() {
    let mut near = Near::new(video());
    near.picture(5_000, true);
    let left = near.run(200);
    assert_eq!(left.len(), 5);
    let first = left[0].packet().header;
    assert!(first.sequence_number < 1 << 15, "SRTP must not miss the first wrap");
    for (index, left) in left.iter().enumerate() {
        let (header, values) = (left.packet().header, left.values());
        assert_eq!(header.sequence_number, first.sequence_number + index as u16);
        assert_eq!((header.ssrc, header.payload_type, header.timestamp), (VIDEO, 96, 0));
        assert_eq!(header.marker, index == 4);
        assert_eq!((values.mid, values.transport_cc), (Some("v"), Some(index as u16)));
        assert!(values.abs_send_time.is_some());
        assert!(left.bytes.len() <= 1_200, "{} bytes", left.bytes.len());
    }
}

#[test]
fn one_numbering_counts_the_packets_of_the_transport() {
    let mut near = Near::new(video());
    let audio = near.endpoint.add_sender(audio()).expect("good");
    for _ in 0..20 {
        near.picture(2_500, false);
        let now = at(near.now);
        near.endpoint.send(audio, &[0x78; 80], 0, &MediaInfo::default(), now).expect("good");
        near.run(20);
    }
    near.nack(&[]);
    let left = near.run(100);
    let numbers: Vec<_> = left.iter().filter_map(|left| left.values().transport_cc).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[test]
fn a_missing_packet_is_sent_again_but_not_within_a_round_trip() {
    let mut near = Near::new(video());
    near.picture(5_000, true);
    let sent = near.run(200);
    let missing = &sent[2];
    let number = missing.packet().header.sequence_number;
    let mut again = Vec::new();
    for _ in 0..300 {
        near.nack(&[number]);
        again.extend(near.run(1));
    }
    let when: Vec<_> = again.iter().map(|left| left.millis).collect();
    assert_eq!(when, [200, 200 + ROUND_TRIP, 200 + 2 * ROUND_TRIP]);
    for left in &again {
        let (packet, original) = (left.packet(), missing.packet());
        assert_eq!((packet.header.ssrc, packet.header.payload_type), (RTX, 97));
        assert_eq!(
            (packet.header.timestamp, packet.header.marker),
            (original.header.timestamp, original.header.marker)
        );
        assert_eq!(packet.payload[..2], number.to_be_bytes());
        assert_eq!(packet.payload[2..], *original.payload);
    }
    assert!(numbers(&again).windows(2).all(|pair| pair[1] == pair[0] + 1), "a numbering of its own");
    let stats = near.endpoint.sender_stats(near.video).expect("it was added");
    assert_eq!((stats.retransmitted_packets_sent, stats.packets_sent), (3, 8));
    assert_eq!((stats.nack_count, stats.retransmissions_refused), (300, 297));
    // Too old to be shown.
    near.run(2_000);
    near.nack(&[number]);
    assert_eq!(numbers(&near.run(100)), []);
}

#[test]
fn single_losses_are_repaired_with_a_copy_where_there_is_plenty_of_room() {
    let mut near = Near::new(video());
    near.nack(&[0]);
    near.run(2_000);
    near.picture(20_000, true);
    let sent = numbers(&near.run(300));
    near.nack(&sent[3..4]);
    assert_eq!(near.run(50).len(), 2);
    near.nack(&sent[5..10]);
    assert_eq!(near.run(50).len(), 5, "in a burst copies are lost together");
}

#[test]
fn without_a_stream_for_it_a_packet_is_sent_again_as_it_was() {
    let mut near = Near::new(SendConfig { rtx: None, ..video() });
    near.picture(3_000, true);
    let sent = near.run(200);
    near.nack(&[sent[1].packet().header.sequence_number]);
    let again = near.run(50);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].packet().header, sent[1].packet().header);
    assert_eq!(again[0].packet().payload, sent[1].packet().payload);
    assert_ne!(again[0].values().transport_cc, sent[1].values().transport_cc);
    let nothing = Feedback { nack: false, ..video().feedback };
    let mut near = Near::new(SendConfig { feedback: nothing, ..video() });
    near.picture(3_000, true);
    let sent = near.run(200);
    near.nack(&numbers(&sent));
    assert_eq!(numbers(&near.run(50)), []);
}

#[test]
fn too_much_to_repair_is_a_key_frame_instead() {
    let mut near = Near::new(video());
    near.picture(40_000, true);
    let mut sent = near.run(400);
    // A key frame that has just left would be enough.
    for _ in 0..30 {
        near.picture(4_000, false);
        sent.extend(near.run(40));
    }
    near.events();
    near.nack(&numbers(&sent));
    let again = near.run(100);
    assert!(!again.is_empty() && again.len() < sent.len() / 2, "{} of {}", again.len(), sent.len());
    assert_eq!(near.key_frames_wanted(), 1);
}

#[test]
fn a_key_frame_does_not_flood_the_path() {
    let mut near = Near::new(video());
    near.picture(60_000, true);
    let left = near.run(2_000);
    // At 1 Mbit/s it takes half a second; the pace is a little above.
    assert!(
        (350..500).contains(&left.last().expect("some").millis),
        "{:?}",
        left.last().map(|left| left.millis)
    );
    for from in (0..500).step_by(10) {
        let within = left.iter().filter(|left| (from..from + 50).contains(&left.millis));
        let bytes: usize = within.map(|left| left.bytes.len()).sum();
        assert!(bytes <= 1_300_000 / 8 / 20 + 1_200, "{bytes} bytes within 50 ms of {from}");
    }
}

#[test]
fn sound_does_not_wait_for_pictures() {
    let mut near = Near::new(video());
    let audio = near.endpoint.add_sender(audio()).expect("good");
    near.picture(60_000, true);
    for _ in 0..10 {
        let now = at(near.now);
        near.endpoint.send(audio, &[0x78; 80], 0, &MediaInfo::default(), now).expect("good");
        let begun = near.now;
        let left = near.run(20);
        let sound = left.iter().find(|left| left.ssrc() == AUDIO).expect("it left");
        assert_eq!(sound.millis, begun);
    }
}

#[test]
fn a_key_frame_takes_the_place_of_what_waits() {
    let mut near = Near::new(video());
    near.picture(12_000, true);
    (0..5).for_each(|_| near.picture(12_000, false));
    assert!(!near.endpoint.has_room(near.video));
    let before = near.run(20);
    near.told(|out| write_pli(1, VIDEO, out));
    near.run(1);
    // The first one is a key frame and on its way: there is none to be had sooner.
    assert_eq!(near.key_frames_wanted(), 0);
    near.run(90);
    near.picture(4_000, true);
    let after = near.run(1_000);
    let all: Vec<_> = before.iter().chain(&after).collect();
    let pictures = all.iter().filter(|left| left.packet().header.marker).count();
    assert!(pictures <= 4, "{pictures} pictures left");
    let stats = near.endpoint.sender_stats(near.video).expect("it was added");
    assert_eq!(stats.frames_discarded + stats.frames_sent, 7);
    assert!(stats.frames_discarded >= 3, "{stats:?}");
    // Numbers are given on leaving, so that nothing seems lost.
    assert!(numbers(&after).windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert!(near.endpoint.has_room(near.video));
}

#[test]
fn requests_of_key_frames_reach_the_encoder_seldom() {
    let mut near = Near::new(video());
    near.picture(2_000, true);
    near.run(1_000);
    near.events();
    let mut wanted = 0;
    for _ in 0..900 {
        near.told(|out| write_pli(1, VIDEO, out));
        near.run(1);
        wanted += near.key_frames_wanted();
    }
    assert_eq!(wanted, 3);
    near.run(1_000);
    let mut fir = |number| {
        near.told(|out| write_fir(1, &[FirRequest { ssrc: VIDEO, number }], out));
        near.run(400);
        near.key_frames_wanted()
    };
    assert_eq!([fir(1), fir(1), fir(2), fir(2)], [1, 0, 1, 0]);
    let stats = near.endpoint.sender_stats(near.video).expect("it was added");
    assert_eq!((stats.pli_count, stats.fir_count), (900, 4));
}

#[test]
fn reports_tell_what_was_sent_and_when() {
    let mut near = Near::new(video());
    near.picture(5_000, true);
    let (left, reports) = near.run_all(1_900);
    let payload: usize = left.iter().map(|left| left.packet().payload.len()).sum();
    let infos: Vec<_> = reports
        .iter()
        .flat_map(|left| packets(&left.bytes).map(|packet| (left.millis, packet)))
        .filter_map(|(millis, packet)| match packet {
            Ok(Rtcp::SenderReport { ssrc: VIDEO, info, .. }) => Some((millis, info)),
            _ => None,
        })
        .collect();
    assert!(infos.len() >= 2, "{infos:?}");
    for (millis, info) in infos {
        assert_eq!((info.packets, info.bytes), (5, payload as u32));
        assert_eq!((info.timestamp, info.ntp), (millis as u32 * 90, at(millis).ntp()));
    }
}

#[test]
fn a_stream_that_ends_says_so() {
    let mut near = Near::new(video());
    near.picture(5_000, true);
    near.run(5);
    near.endpoint.remove_sender(near.video, at(near.now));
    let (rtp, reports) = near.run_all(50);
    assert_eq!(numbers(&rtp), [], "what waited is gone");
    let bye = reports.iter().flat_map(|left| packets(&left.bytes)).find_map(|packet| match packet {
        Ok(Rtcp::Bye { ssrcs }) => Some(ssrcs.iter().collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(bye, Some(vec![VIDEO, RTX]));
    let info = MediaInfo::default();
    assert!(near.endpoint.send(near.video, &[1], 0, &info, at(near.now)).is_err());
    assert_eq!(near.endpoint.sender_stats(near.video), None);
}

/// The latest rate that a stream's encoder was told.
fn rate(events: &[Event], of: SenderId) -> Option<u64> {
    events.iter().rev().find_map(|event| match event {
        Event::Rate { sender, bitrate } if *sender == of => Some(*bitrate),
        _ => None,
    })
}

#[test]
fn encoders_share_what_the_far_side_estimates() {
    let mut near =
        Near::new(SendConfig { feedback: Feedback { transport_cc: false, ..video().feedback }, ..video() });
    let audio = near.endpoint.add_sender(audio()).expect("good");
    let mut told = HashMap::new();
    for (bitrate, expected_audio, expected_video) in [
        (2_000_000, 64_000, 1_750_000..1_900_000),
        (250_000, 28_000, 180_000..215_000),
        (150_000, 24_000, 90_000..115_000),
    ] {
        for _ in 0..25 {
            near.picture(500, false);
            let now = at(near.now);
            near.endpoint.send(audio, &[0x78; 60], 0, &MediaInfo::default(), now).expect("good");
            near.told(|out| write_remb(1, bitrate, &[VIDEO], out));
            near.run(40);
            let events = near.events();
            for of in [audio, near.video] {
                told.extend(rate(&events, of).map(|rate| (of, rate)));
            }
        }
        assert!(told[&audio].abs_diff(expected_audio) < 2_000, "{bitrate}: {}", told[&audio]);
        assert!(expected_video.contains(&told[&near.video]), "{bitrate}: {}", told[&near.video]);
        let available = near.endpoint.transport_stats(at(near.now)).available_outgoing_bitrate;
        assert!(
            available.is_some_and(|available| available.abs_diff(bitrate) < bitrate / 100),
            "{available:?}"
        );
    }
}

#[test]
fn the_far_side_s_reports_are_figures() {
    let mut near = Near::new(video());
    near.picture(5_000, true);
    let (sent, _) = near.run_all(400);
    let highest = u32::from(sent[4].packet().header.sequence_number);
    for (lost, highest, fraction_lost) in [(0, highest - 3, 0), (1, highest, 64)] {
        let last_sender_report = at(near.now - 150).compact_ntp();
        let block = ReportBlock {
            ssrc: VIDEO,
            fraction_lost,
            lost,
            highest_seq: highest,
            jitter: 900,
            last_sender_report,
            since_sender_report: 65_536 / 10,
        };
        near.told(|out| write_receiver_report(1, &[block], out));
    }
    let remote = near.endpoint.sender_stats(near.video).expect("it was added").remote;
    assert_eq!((remote.reports, remote.packets_lost, remote.packets_received), (2, 1, 2));
    assert_eq!((remote.fraction_lost, remote.jitter), (0.25, 0.01));
    let round_trip = remote.round_trip_time.expect("measured");
    assert!(round_trip.abs_diff(Duration::from_millis(50)) < Duration::from_millis(1), "{round_trip:?}");
}

/// Answers each packet 40 ms later, as a path without a bottleneck would, for so many ms; what left.
fn answered(near: &mut Near, millis: u64) -> Vec<Left> {
    let (mut all, mut arrivals, mut base): (Vec<Left>, Vec<(u64, Time)>, u64) = (Vec::new(), Vec::new(), 0);
    for step in 0..millis {
        if step % 40 == 0 {
            near.picture(3_000, step == 0);
        }
        for left in near.run(1) {
            // Fewer packets than the numbers have.
            arrivals.extend(left.values().transport_cc.map(|number| (number.into(), at(left.millis + 40))));
            all.push(left);
        }
        let due = arrivals.partition_point(|(_, arrival)| *arrival <= at(step));
        if step % 50 == 0 && due > 0 {
            let told: Vec<_> = arrivals.drain(..due).collect();
            near.told(|out| {
                write_feedback(FeedbackNames::default(), base, &told, out);
            });
            base = told.last().map_or(base, |(number, _)| number + 1);
        }
    }
    all
}

#[test]
fn probes_are_filled_up_with_padding_of_the_retransmission_stream() {
    let mut near = Near::new(video());
    let left = answered(&mut near, 2_000);
    let padding: Vec<_> = left.iter().filter(|left| left.packet().payload.is_empty()).collect();
    assert!(!padding.is_empty());
    assert!(
        padding.iter().all(|left| left.ssrc() == RTX
            && left.packet().padding > 0
            && left.values().transport_cc.is_some())
    );
    let available = near.endpoint.transport_stats(at(near.now)).available_outgoing_bitrate;
    assert!(available > Some(5_000_000), "found to carry more: {available:?}");
    // Where it would look like pictures that are lost there is none.
    let mut near = Near::new(SendConfig { rtx: None, ..video() });
    assert!(answered(&mut near, 2_000).iter().all(|left| !left.packet().payload.is_empty()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked for, and when: no packet again within a round trip, but for one copy right behind it the first
    /// time, and no more than the budget.
    #[test]
    fn repair_keeps_to_its_budget(
        sizes in prop::collection::vec(200_usize..9_000, 100),
        asked in prop::collection::vec((0_u16..200, 0_usize..60), 400),
    ) {
        let mut near = Near::new(video());
        let (mut newest, mut all) = (0, Vec::new());
        for step in 0..400 {
            if step % 4 == 0 {
                near.picture(sizes[step / 4], step == 0);
            }
            let left = near.run(10);
            let media = left.iter().filter(|left| left.ssrc() == VIDEO);
            newest = media.map(|left| left.packet().header.sequence_number).next_back().unwrap_or(newest);
            all.extend(left);
            let (back, count) = asked[step];
            let numbers: Vec<_> = (0..count as u16).map(|n| newest.wrapping_sub(back).wrapping_sub(n)).collect();
            near.nack(&numbers);
        }
        let repair: Vec<_> = all.iter().filter(|left| left.ssrc() == RTX).collect();
        let mut last = HashMap::new();
        for left in &all {
            let packet = left.packet();
            let original = match packet.header.ssrc {
                RTX => u16::from_be_bytes([packet.payload[0], packet.payload[1]]),
                _ => packet.header.sequence_number,
            };
            let (times, before) = last.insert(original, (0, left.millis)).unwrap_or((0, 0));
            last.insert(original, (times + 1, left.millis));
            let apart = left.millis - before;
            // Sent, sent again, which a measured round trip allows for a little early, and the copy.
            let least = if times == 1 { ROUND_TRIP * 3 / 4 } else { ROUND_TRIP };
            prop_assert!(times == 0 || times == 2 && apart < 60 || apart >= least, "{} again after {} ms", original, apart);
        }
        // The rate is that of the beginning: nobody reports. A fifth of it, and what is saved of a second.
        for from in (0..4_000).step_by(100) {
            for to in (from + 1_000..=4_000).step_by(500) {
                let within = repair.iter().filter(|left| (from..to).contains(&left.millis));
                let bits: usize = within.map(|left| left.bytes.len() * 8).sum();
                let most = 200_000 * (to - from) as usize / 1_000 + 200_000 + 10_000;
                prop_assert!(bits <= most, "{} bits from {} to {} ms", bits, from, to);
            }
        }
    }
}
