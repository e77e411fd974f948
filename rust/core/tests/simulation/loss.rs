//! Losses of chosen packets.

use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::wire::{Packet, is_rtcp};
use std::time::Duration;

/// Loses the `packet`th packet of pictures after a time, and what repeats it until so long after the first that does: for
/// `World::lose`.
pub fn lose(after: Time, packet: usize, repeats: Duration) -> impl FnMut(Time, bool, &[u8]) -> bool {
    let (mut seen, mut lost, mut repeated) = (0, None, None);
    move |now, up, datagram| {
        let Some(packet_now) =
            Packet::parse(datagram).ok().filter(|_| up && now >= after && !is_rtcp(datagram))
        else {
            return false;
        };
        match packet_now.header.payload_type {
            96 => {
                seen += 1;
                let chosen = seen == packet;
                if chosen {
                    lost = Some(packet_now.header.sequence_number.to_be_bytes());
                }
                chosen
            }
            97 if lost.is_some_and(|lost| packet_now.payload.starts_with(&lost)) => {
                now - *repeated.get_or_insert(now) < repeats
            }
            _ => false,
        }
    }
}
