//! RTP from any bytes: what is read of a packet, written again, is read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use realtime_fast_core::rtp::wire::{ExtensionIds, ExtensionValues, Packet};

fuzz_target!(|input: ([Option<u8>; 7], &[u8])| {
    let (ids, datagram) = input;
    let Ok(packet) = Packet::parse(datagram) else { return };
    let sizes: usize = packet.extensions.iter().map(|(_, value)| value.len()).sum();
    assert!(12 + sizes + packet.payload.len() + usize::from(packet.padding) <= datagram.len());

    let [mid, abs_send_time, transport_cc, audio_level, video_orientation, playout_delay, capture_time] = ids;
    let ids = ExtensionIds {
        mid,
        abs_send_time,
        transport_cc,
        audio_level,
        video_orientation,
        playout_delay,
        capture_time,
    };
    let values = ExtensionValues::read(packet.extensions, &ids);
    let mut out = Vec::new();
    packet.header.write(&ids, &values, &[packet.payload], packet.padding, &mut out);
    let again = Packet::parse(&out).expect("what was written");
    assert_eq!((again.header, again.payload, again.padding), (packet.header, packet.payload, packet.padding));
    // Of two extensions with the same id one is read, and may have been too short for the other; an id of 0 is none.
    let mut agreed: Vec<u8> = [
        ids.mid,
        ids.abs_send_time,
        ids.transport_cc,
        ids.audio_level,
        ids.video_orientation,
        ids.playout_delay,
        ids.capture_time,
    ]
    .into_iter()
    .flatten()
    .collect();
    let count = agreed.len();
    agreed.sort_unstable();
    agreed.dedup();
    if agreed.len() == count && !agreed.contains(&0) {
        assert_eq!(ExtensionValues::read(again.extensions, &ids), values);
    }
});
