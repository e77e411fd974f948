//! Incoming streams against what networks and far sides do to them.

mod reception;

use realtime_fast_core::rtp::config::{Codec, Deliver, Kind, ReceiveConfig};
use realtime_fast_core::rtp::payload::Packetizer;
use reception::{Far, INTERVAL, Near, at, begun, config};
use std::time::Duration;

#[test]
fn complete_pictures_come_out_at_once_and_whole() {
    for codec in [Codec::Vp8, Codec::H264] {
        let (mut far, mut near) = (Far::new(codec), Near::video());
        let mut last = None;
        for number in 0..100 {
            near.until(number * INTERVAL);
            let packets = far.picture(number == 0, 1 + number as usize % 5);
            near.all(&packets[..packets.len() - 1]);
            assert_eq!(near.pictures(), [], "nothing before the last packet");
            near.receive(&packets[packets.len() - 1]);
            let pictures = near.pictures();
            let [picture] = &pictures[..] else { panic!("one picture, not {}", pictures.len()) };
            assert_eq!((picture.codec, picture.key, picture.contiguous), (codec, number == 0, number > 0));
            assert_eq!(last.replace(picture.timestamp).map_or(3600, |last| picture.timestamp - last), 3600);
        }
        assert!(near.asked.is_empty() && near.key_frames_asked.is_empty());
        let stats = near.stream.stats();
        assert_eq!((stats.frames_received, stats.key_frames_received, stats.packets_lost), (100, 1, 0));
    }
}

#[test]
fn sequence_numbers_and_timestamps_wrap() {
    for codec in [Codec::Vp8, Codec::H264] {
        let (mut far, mut near) = (Far::new(codec), Near::video());
        far.number = u16::MAX - 4;
        far.timestamp = u32::MAX - 5 * 3600;
        for number in 0..10 {
            near.until(number * INTERVAL);
            let mut packets = far.picture(number == 0, 3);
            packets.swap(1, 2);
            near.all(&packets);
        }
        let pictures = near.pictures();
        assert_eq!(pictures.len(), 10);
        assert!(pictures.windows(2).all(|two| two[1].timestamp == two[0].timestamp + 3600));
        assert_eq!(near.stream.stats().packets_lost, 0);
    }
}

#[test]
fn a_stream_that_begins_out_of_order_loses_nothing() {
    for codec in [Codec::Vp8, Codec::H264] {
        let (mut far, mut near) = (Far::new(codec), Near::video());
        far.number = 1;
        let mut packets = far.picture(true, 4);
        packets.extend(far.picture(false, 2));
        packets.reverse();
        near.all(&packets);
        assert_eq!(near.keys(), [true, false]);
    }
}

/// mediasoup#1577 and #793: packets of padding alone took sequence numbers and counted as loss.
#[test]
fn padding_alone_is_no_loss_and_no_picture() {
    for (mut far, mut near) in begun() {
        for number in 1..50 {
            near.until(number * INTERVAL);
            near.all(&far.picture(false, 2));
            (0..5).for_each(|_| near.receive(&far.padding()));
        }
        let pictures = near.pictures();
        assert_eq!(pictures.len(), 49);
        assert!(pictures.iter().all(|picture| picture.contiguous));
        assert!(near.asked.is_empty());
        assert_eq!(near.stream.stats().packets_lost, 0);
    }
}

#[test]
fn lost_padding_does_not_hold_back_a_picture_whose_number_tells() {
    let (mut far, mut near) = begun().remove(0);
    far.padding();
    near.all(&far.picture(false, 2));
    let pictures = near.pictures();
    assert_eq!(pictures.len(), 1);
    assert!(pictures[0].contiguous);
    near.until(1000);
    assert!(near.key_frames_asked.is_empty() && near.asked.is_empty());
}

#[test]
fn empty_retransmissions_are_ignored() {
    for (mut far, mut near) in begun() {
        let mut probe = far.padding();
        probe[1] += 1;
        probe[11] += 1;
        far.number -= 1;
        near.receive(&probe);
        near.all(&far.picture(false, 1));
        assert_eq!(near.pictures().len(), 1);
        assert!(near.asked.is_empty());
    }
}

#[test]
fn duplicates_and_late_packets_change_nothing() {
    for (mut far, mut near) in begun() {
        let mut past = Vec::new();
        for number in 1..20 {
            near.until(number * INTERVAL);
            let packets = far.picture(false, 3);
            for packet in &packets {
                near.receive(packet);
                near.receive(packet);
                let again = far.again(packet);
                near.receive(&again);
            }
            near.all(&past);
            past = packets;
        }
        assert_eq!(near.pictures().len(), 19);
        assert!(near.asked.is_empty() && near.key_frames_asked.is_empty());
        assert_eq!(near.stream.stats().frames_dropped, 0);
    }
}

/// baresip#353.
#[test]
fn a_picture_without_a_marker_ends_where_the_next_begins() {
    for (mut far, mut near) in begun() {
        let mut packets = far.picture(false, 2);
        packets[1][1] &= 0x7f;
        near.all(&packets);
        assert_eq!(near.pictures(), []);
        near.all(&far.picture(false, 1));
        assert_eq!(near.pictures().len(), 2);
    }
}

/// livekit#595: the far side's timestamps jumped, and the picture stood for seconds.
#[test]
fn jumps_of_the_timestamp_do_not_hold_pictures_back() {
    for jump in [3_600 * 90_000, 20 * 90_000, -20 * 90_000, -3_600 * 90_000_i32] {
        let video = config(Kind::Video, Deliver::Media);
        let smooth = ReceiveConfig { max_delay: Duration::from_millis(200), ..video };
        let (mut far, mut near) = (Far::new(Codec::Vp8), Near::new(smooth));
        let mut handed_out = 0;
        for number in 0..100 {
            near.until(number * INTERVAL);
            if number == 50 {
                far.timestamp = far.timestamp.wrapping_add_signed(jump);
            }
            near.all(&far.picture(number == 0, 2));
            near.until(number * INTERVAL + 1);
            handed_out += near.pictures().len();
            assert_eq!(handed_out, number as usize + 1, "a jump by {jump}");
        }
    }
}

/// mediasoup#140: pictures whose PictureID does not go on were dropped.
#[test]
fn jumps_of_the_picture_id_are_no_loss() {
    let (mut far, mut near) = begun().remove(0);
    far.packetizer = Packetizer::new(Codec::Vp8, 20_000);
    near.all(&far.picture(false, 2));
    assert_eq!(near.pictures().len(), 1);
}

/// meetecho/janus-gateway#1463, pion/webrtc#3292.
#[test]
fn another_ssrc_goes_on_without_delay_from_its_first_key_frame() {
    for (mut far, mut near) in begun() {
        near.until(INTERVAL);
        near.all(&far.picture(false, 2));
        let before = near.pictures()[0].timestamp;
        (far.ssrc, far.number, far.timestamp) = (20, 40_000, 3_000_000_000);
        near.until(2 * INTERVAL);
        near.all(&far.picture(false, 1));
        near.until(3 * INTERVAL);
        near.all(&far.picture(true, 2));
        let pictures = near.pictures();
        assert_eq!(pictures.len(), 1);
        assert!(pictures[0].key && !pictures[0].contiguous);
        assert_eq!(pictures[0].timestamp, before + 2 * 3600, "timestamps go on");
        let stats = near.stream.stats();
        assert_eq!((stats.ssrc, stats.packets_lost), (Some(20), 0));
    }
}

#[test]
fn a_sender_that_counts_anew_is_followed_and_a_stray_number_is_not() {
    for (mut far, mut near) in begun() {
        let mut stray = far.picture(false, 1).remove(0);
        far.number -= 1;
        stray[2] ^= 0x60;
        near.receive(&stray);
        near.all(&far.picture(false, 1));
        assert_eq!(near.pictures().len(), 1, "the stray number changed nothing");
        far.number = far.number.wrapping_add(20_000);
        for number in 1..10 {
            near.until(number * INTERVAL);
            near.all(&far.picture(number == 3, 2));
        }
        assert_eq!(near.keys(), [true, false, false, false, false, false, false]);
    }
}

#[test]
fn payloads_that_cannot_be_read_are_lost_packets() {
    let (mut far, mut near) = begun().remove(1);
    let bad = far.packet(&[0x1f, 1, 2], true, 0);
    near.receive(&bad);
    near.receive(&far.packet(&[], true, 0)[..]);
    assert_eq!(near.pictures(), []);
    assert_eq!(near.stream.stats().packets_discarded, 1);
}

#[test]
fn a_forwarder_gets_every_packet_once_as_it_comes() {
    let (mut far, mut near) = (Far::new(Codec::Vp8), Near::new(config(Kind::Video, Deliver::Packets)));
    let packets = far.picture(true, 4);
    let padding = far.padding();
    for packet in [&packets[0], &packets[0], &packets[2], &packets[3], &padding] {
        near.receive(packet);
    }
    near.until(30);
    near.receive(&far.again(&packets[1]));
    near.receive(&far.again(&packets[1]));
    let forwarded = near.packets();
    let numbers: Vec<u64> = forwarded.iter().map(|packet| packet.sequence - 65536).collect();
    assert_eq!(numbers, [1000, 1002, 1003, 1004, 1001]);
    assert_eq!(
        forwarded.iter().map(|packet| packet.marker).collect::<Vec<_>>(),
        [false, false, true, false, false]
    );
    assert!(forwarded[0].key && forwarded[1..].iter().all(|packet| !packet.key));
    assert!(forwarded[3].payload.is_empty());
    assert_eq!(near.asked.len(), 1);
    near.stream.need_key_frame(at(near.now));
    near.ask();
    assert_eq!(near.key_frames_asked, [30]);
    near.all(&far.picture(true, 1));
    near.until(5000);
    assert_eq!(near.key_frames_asked, [30]);
}

#[test]
fn sound_comes_in_order_and_what_is_lost_is_named() {
    let (mut far, mut near) = (Far::new(Codec::Opus), Near::new(config(Kind::Audio, Deliver::Media)));
    far.number = u16::MAX - 2;
    let packets: Vec<_> = (0..8).map(|_| far.sound()).collect();
    for index in [0, 2, 1, 3, 6, 7] {
        near.receive(&packets[index]);
    }
    let sounds = near.sounds();
    assert_eq!(sounds.len(), 4);
    near.until(19);
    assert_eq!(near.sounds(), [], "they may have been overtaken");
    near.until(20);
    let sounds = near.sounds();
    assert_eq!(
        sounds.iter().map(|sound| sound.data.is_some()).collect::<Vec<_>>(),
        [false, false, true, true]
    );
    assert!(sounds.windows(2).all(|two| two[1].timestamp == two[0].timestamp + 960));
    near.receive(&packets[4]);
    assert_eq!(near.sounds(), []);
    let stats = near.stream.stats();
    assert_eq!((stats.sounds_lost, stats.packets_discarded), (2, 1));
    assert!(near.asked.is_empty(), "no NACK was agreed");
}

#[test]
fn sound_that_pauses_is_no_loss() {
    let (mut far, mut near) = (Far::new(Codec::Opus), Near::new(config(Kind::Audio, Deliver::Media)));
    near.receive(&far.sound());
    far.timestamp += 48_000 * 10;
    near.until(10_000);
    near.receive(&far.sound());
    let sounds = near.sounds();
    assert_eq!(sounds.len(), 2);
    assert_eq!(sounds[1].timestamp - sounds[0].timestamp, 480_960);
}

#[test]
fn the_delay_follows_jitter_within_its_bounds() {
    let video = config(Kind::Video, Deliver::Media);
    // Jitter, bounds, and the time from first packet to handing out that is expected of a picture without jitter.
    for (jitter, min, max, expected) in [
        (0, 0, 300, 0..2),
        (60, 0, 300, 50..62),
        (60, 0, 0, 0..2),
        (0, 100, 300, 99..102),
        (200, 0, 80, 79..82),
    ] {
        let (min_delay, max_delay) = (Duration::from_millis(min), Duration::from_millis(max));
        let (mut far, mut near) =
            (Far::new(Codec::Vp8), Near::new(ReceiveConfig { min_delay, max_delay, ..video.clone() }));
        let mut held = Vec::new();
        for number in 0..500 {
            let sent = number * INTERVAL;
            // Every other picture is late; they never come in another order.
            near.until(sent + if number % 2 == 1 { jitter } else { 0 }.min(INTERVAL * 4));
            near.all(&far.picture(number == 0, 1));
            for picture in near.pictures() {
                held.push((picture.first_arrival, at(near.now)));
            }
        }
        let stats = near.stream.stats();
        let emitted = stats.jitter_buffer_emitted_count;
        assert!(emitted > 480, "{emitted}");
        let delay = stats.jitter_buffer_target_delay.as_millis() as u64 / emitted;
        assert!(expected.contains(&delay), "jitter {jitter}, {min} to {max}: {delay}");
    }
}

#[test]
fn reports_say_what_the_network_lost() {
    let (mut far, mut near) = begun().remove(0);
    assert_eq!(near.stream.report(at(0)).map(|report| report.fraction_lost), Some(0));
    for number in 1..=100 {
        let packet = far.picture(false, 1).remove(0);
        if number % 4 != 0 {
            near.receive(&packet);
        } else {
            let again = far.again(&packet);
            near.receive(&far.picture(false, 1)[0]);
            near.receive(&again);
        }
    }
    let report = near.stream.report(at(4000)).expect("it has begun");
    assert_eq!((report.ssrc, report.lost, report.fraction_lost), (10, 25, (25 * 256 / 125) as u8));
    assert_eq!(report.highest_seq, 1000 + 2 + 125);
    assert_eq!(near.stream.report(at(5000)).map(|report| (report.lost, report.fraction_lost)), Some((25, 0)));
}
