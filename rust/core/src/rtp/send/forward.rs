//! Numbers of a stream that is put together from parts of others.
//!
//! To a receiver it is one stream: sequence numbers, timestamps and VP8's picture numbers go on over a change of the
//! source, or it would take what follows for lost, late or repeated. What the source lost stays lost, so that the
//! receiver asks for it again; packets of nothing but padding are left out and leave no gap.

use crate::rtp::config::Codec;
use crate::rtp::event::ForwardedPacket;
use crate::rtp::payload::vp8;
use crate::rtp::time::Time;

/// VP8's numbers of pictures have 15 bits.
const PICTURE_IDS: u16 = 1 << 15;

/// How the numbers of the present source are changed.
#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: u32,
    /// Its packets before this one are not passed on: they would be numbered below what was sent before it.
    begins: u64,
    /// Added to its sequence numbers.
    shift: i64,
    /// From this packet on one more was left out.
    left_out: u64,
    /// Added to its timestamps.
    delay: i64,
    /// Added to its picture numbers.
    picture_shift: u16,
}

/// Renumbers what is passed on.
#[derive(Debug)]
pub struct Renumbering {
    clock_rate: u32,
    source: Option<Source>,
    /// The highest numbers given out, and when.
    sequence: u64,
    timestamp: u64,
    picture_id: u16,
    at: Time,
}

impl Renumbering {
    /// The first packet is numbered one above `sequence`.
    #[must_use]
    pub const fn new(clock_rate: u32, sequence: u64, timestamp: u32, picture_id: u16) -> Self {
        // The upper half: sources may step back from where they began.
        let timestamp = (1 << 32) + timestamp as u64;
        Self { clock_rate, source: None, sequence, timestamp, picture_id, at: Time::ZERO }
    }

    /// The sequence number and timestamp of a packet to be sent, and its payload changed where it has numbers of its
    /// own; `None` if it is not to be sent.
    pub fn renumber(
        &mut self,
        packet: &ForwardedPacket,
        payload: &mut [u8],
        now: Time,
    ) -> Option<(u64, u32)> {
        let picture_id = match packet.codec {
            Codec::Vp8 => vp8::Descriptor::parse(payload).ok().and_then(|descriptor| descriptor.picture_id),
            Codec::H264 | Codec::Opus => None,
        };
        let picture_id = picture_id.map(|id| id.value);
        let source = match self.source {
            Some(source) if source.ssrc == packet.ssrc => source,
            _ => self.begin(packet, picture_id.unwrap_or(0), now),
        };
        if packet.sequence < source.begins {
            return None;
        }
        if payload.is_empty() {
            self.leave_out(packet.sequence);
            return None;
        }
        // What is older than the last that was left out was numbered before that.
        let shift = source.shift + i64::from(packet.sequence < source.left_out);
        let sequence = packet.sequence.checked_add_signed(shift)?;
        let timestamp = packet.timestamp.checked_add_signed(source.delay)?;
        if let Some(picture_id) = picture_id {
            let shifted = picture_id.wrapping_add(source.picture_shift) % PICTURE_IDS;
            vp8::renumber(payload, shifted);
            if sequence > self.sequence {
                self.picture_id = shifted;
            }
        }
        if sequence > self.sequence {
            (self.sequence, self.timestamp, self.at) = (sequence, timestamp, now);
        }
        Some((sequence, timestamp as u32))
    }

    fn begin(&mut self, packet: &ForwardedPacket, picture_id: u16, now: Time) -> Source {
        let elapsed = if self.source.is_some() { (now - self.at).as_secs_f64() } else { 0.0 };
        let timestamp = self.timestamp + ((elapsed * f64::from(self.clock_rate)) as u64).max(1);
        let source = Source {
            ssrc: packet.ssrc,
            begins: packet.sequence,
            shift: (self.sequence + 1).cast_signed() - packet.sequence.cast_signed(),
            left_out: 0,
            delay: timestamp.cast_signed() - packet.timestamp.cast_signed(),
            picture_shift: (self.picture_id + 1).wrapping_sub(picture_id),
        };
        self.source = Some(source);
        source
    }

    fn leave_out(&mut self, sequence: u64) {
        let Some(source) = &mut self.source else { return };
        let newest = self.sequence.checked_add_signed(-source.shift);
        // One that comes late has its gap already, which is asked for in vain and given up.
        if newest.is_some_and(|newest| sequence > newest) {
            source.shift -= 1;
            source.left_out = sequence;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, sequence: u64, timestamp: u64, picture: Option<u16>) -> ForwardedPacket {
        let payload = picture.map_or(vec![], |id| {
            let [high, low] = id.to_be_bytes();
            vec![0x90, 0x80, high | 0x80, low, 1, 2, 3]
        });
        ForwardedPacket {
            codec: Codec::Vp8,
            ssrc,
            sequence,
            timestamp,
            marker: true,
            key: false,
            payload,
            arrival: Time::ZERO,
        }
    }

    /// Sequence number, timestamp and picture number of what is sent.
    fn renumber(to: &mut Renumbering, packet: &ForwardedPacket, millis: u64) -> Option<(u64, u32, u16)> {
        let mut payload = packet.payload.clone();
        let now = Time::from_micros(millis * 1_000);
        let (sequence, timestamp) = to.renumber(packet, &mut payload, now)?;
        let id = vp8::Descriptor::parse(&payload).expect("VP8").picture_id.expect("numbered");
        Some((sequence, timestamp, id.value))
    }

    #[test]
    fn numbers_go_on_over_a_change_of_the_source() {
        let mut to = Renumbering::new(90_000, 100, 5_000, 32_766);
        assert_eq!(renumber(&mut to, &packet(1, 70_000, 900_000, Some(10)), 0), Some((101, 5_001, 32_767)));
        assert_eq!(renumber(&mut to, &packet(1, 70_001, 903_600, Some(11)), 40), Some((102, 8_601, 0)));
        // Another source, 50 ms later.
        assert_eq!(renumber(&mut to, &packet(2, 66_000, 44, Some(500)), 90), Some((103, 8_601 + 4_500, 1)));
        assert_eq!(renumber(&mut to, &packet(2, 66_001, 3_644, Some(501)), 130), Some((104, 16_701, 2)));
        assert_eq!(renumber(&mut to, &packet(2, 65_999, 44, Some(499)), 131), None, "before it was chosen");
    }

    #[test]
    fn gaps_stay_and_order_is_kept() {
        let mut to = Renumbering::new(90_000, 100, 0, 0);
        let numbers = [70_000, 70_003, 70_001, 70_004]
            .map(|sequence| renumber(&mut to, &packet(1, sequence, 0, Some(1)), 0).map(|sent| sent.0));
        assert_eq!(numbers, [Some(101), Some(104), Some(102), Some(105)]);
    }

    #[test]
    fn padding_leaves_no_gap() {
        let mut to = Renumbering::new(90_000, 100, 0, 0);
        let numbers = [
            (70_000, Some(1)),
            (70_001, None),
            (70_003, Some(2)),
            (70_002, Some(2)),
            (70_004, None),
            (70_005, Some(3)),
        ]
        .map(|(sequence, id)| renumber(&mut to, &packet(1, sequence, 0, id), 0).map(|sent| sent.0));
        assert_eq!(numbers, [Some(101), None, Some(103), Some(102), None, Some(104)]);
    }
}
