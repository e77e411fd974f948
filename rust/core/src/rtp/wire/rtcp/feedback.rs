//! Transport-wide feedback: when each packet of a transport arrived
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use super::{TRANSPORT, TRANSPORT_CC, packet};
use crate::rtp::time::Time;
use crate::rtp::wire::{Malformed, u16_at, u24_at, u32_at};

/// Arrivals of one message: what surely fits a datagram, however they are scattered.
pub const MAX_ARRIVALS: usize = 190;

/// Microseconds of the unit of arrival times.
const TICK: u64 = 250;
/// Ticks of the unit of the reference time, 64 ms.
const REFERENCE_TICKS: u64 = 256;
/// Two SSRCs, the first number, the count, reference time and message count.
const FIXED: usize = 16;

/// How a packet fared, by how many bytes its arrival takes.
const LOST: u8 = 0;
const SMALL: u8 = 1;
const LARGE: u8 = 2;

/// Packets from the first to the last that one message is about: a span that numbers of 16 bits still order.
const MAX_SPAN: usize = 1 << 15;
const MAX_RUN: usize = 0x1fff;
const BITS: usize = 14;
const PAIRS: usize = 7;

/// One message, checked when it was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// Who reports.
    pub sender_ssrc: u32,
    /// A stream of the transport; of no meaning.
    pub media_ssrc: u32,
    /// The transport-wide number of the first packet.
    pub base: u16,
    /// How many packets it is about.
    pub count: u16,
    /// What arrivals count from: units of 64 ms in 24 bits that wrap after 12 days.
    pub reference: u32,
    /// Counts messages.
    pub number: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    /// Microseconds of one unit of [`reference`](Self::reference).
    pub const REFERENCE_MICROS: u64 = REFERENCE_TICKS * TICK;

    /// Reads the body of the RTCP packet.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let short = Malformed::new(
            "transport feedback",
            "a status for each packet and a time for each arrival",
            body.len(),
        );
        let mut feedback = Self {
            sender_ssrc: u32_at(body, 0).ok_or(short)?,
            media_ssrc: u32_at(body, 4).ok_or(short)?,
            base: u16_at(body, 8).ok_or(short)?,
            count: u16_at(body, 10).ok_or(short)?,
            reference: u24_at(body, 12).ok_or(short)?,
            number: *body.get(15).ok_or(short)?,
            chunks: &[],
            deltas: &[],
        };
        // How many chunks there are shows only in reading them.
        let rest = &body[FIXED..];
        let (mut chunks, mut statuses) = (0, 0);
        while statuses < usize::from(feedback.count) {
            statuses += Chunk(u16_at(rest, chunks).ok_or(short)?).len();
            chunks += 2;
        }
        (feedback.chunks, feedback.deltas) = rest.split_at(chunks);
        let mut needed = 0;
        for status in feedback.statuses() {
            if status > LARGE {
                return Err(Malformed::new("status in transport feedback", "0, 1 or 2", status.into()));
            }
            needed += usize::from(status);
        }
        if needed > feedback.deltas.len() {
            return Err(short);
        }
        Ok(feedback)
    }

    fn statuses(self) -> impl Iterator<Item = u8> {
        let chunks = self.chunks.chunks_exact(2).map(|bytes| Chunk(u16::from_be_bytes([bytes[0], bytes[1]])));
        chunks.flat_map(Chunk::statuses).take(usize::from(self.count))
    }

    /// Each packet by its number, and when it arrived: microseconds from the reference time, which may be negative
    /// for packets that overtook each other; `None` for those that have not arrived.
    pub fn packets(self) -> impl Iterator<Item = (u16, Option<i64>)> {
        let (mut ticks, mut deltas) = (0_i64, self.deltas);
        self.statuses().enumerate().map(move |(index, status)| {
            let delta = match (status, deltas) {
                (SMALL, [delta, rest @ ..]) => {
                    deltas = rest;
                    Some(i64::from(*delta))
                }
                (LARGE, [high, low, rest @ ..]) => {
                    deltas = rest;
                    Some(i64::from(i16::from_be_bytes([*high, *low])))
                }
                _ => None,
            };
            let arrival = delta.map(|delta| {
                ticks += delta;
                ticks * TICK as i64
            });
            (self.base.wrapping_add(index as u16), arrival)
        })
    }
}

/// A chunk of statuses as it is on the wire.
#[derive(Clone, Copy)]
struct Chunk(u16);

impl Chunk {
    fn len(self) -> usize {
        match self.0 >> 14 {
            0b10 => BITS,
            0b11 => PAIRS,
            _ => usize::from(self.0) & MAX_RUN,
        }
    }

    fn statuses(self) -> impl Iterator<Item = u8> {
        (0..self.len()).map(move |index| match self.0 >> 14 {
            0b10 => (self.0 >> (BITS - 1 - index)) as u8 & 1,
            0b11 => (self.0 >> (2 * (PAIRS - 1 - index))) as u8 & 3,
            _ => (self.0 >> 13) as u8 & 3,
        })
    }
}

/// The names of one message: who reports, about which stream (of no meaning), and its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedbackNames {
    /// Who reports.
    pub sender_ssrc: u32,
    /// Any stream of the transport.
    pub media_ssrc: u32,
    /// Counts messages.
    pub number: u8,
}

/// Appends one message about the packets from `base` on: unwrapped transport-wide numbers and arrivals, ascending by
/// number. Tells how many of the arrivals it holds: those after need another message, if there are more than
/// [`MAX_ARRIVALS`] or more than 8 s or 2^15 packets lie between.
///
/// Without arrivals there is nothing to count times from, so nothing is written.
pub fn write_feedback(names: FeedbackNames, base: u64, arrivals: &[(u64, Time)], out: &mut Vec<u8>) -> usize {
    let Some((first, start)) = arrivals.first() else { return 0 };
    // Losses at the front of which nobody was told for so long are of no use.
    let base = base.clamp(first.saturating_sub(MAX_SPAN as u64 / 2), *first);
    let reference = start.micros() / TransportFeedback::REFERENCE_MICROS;
    let mut ticks = reference * REFERENCE_TICKS;
    let mut statuses = Vec::new();
    let mut deltas = Vec::new();
    let mut taken = 0;
    for (number, arrival) in arrivals.iter().take(MAX_ARRIVALS) {
        let index = number.saturating_sub(base) as usize;
        let delta = (arrival.micros() / TICK).cast_signed() - ticks.cast_signed();
        let Ok(delta) = i16::try_from(delta) else { break };
        if index >= MAX_SPAN || index < statuses.len() {
            break;
        }
        statuses.resize(index, LOST);
        if let Ok(delta) = u8::try_from(delta) {
            statuses.push(SMALL);
            deltas.push(delta);
        } else {
            statuses.push(LARGE);
            deltas.extend(delta.to_be_bytes());
        }
        ticks = arrival.micros() / TICK;
        taken += 1;
    }
    packet(TRANSPORT_CC, TRANSPORT, out, |out| {
        out.extend(names.sender_ssrc.to_be_bytes());
        out.extend(names.media_ssrc.to_be_bytes());
        out.extend((base as u16).to_be_bytes());
        out.extend((statuses.len() as u16).to_be_bytes());
        out.extend(((reference as u32) << 8 | u32::from(names.number)).to_be_bytes());
        write_chunks(&statuses, out);
        out.extend_from_slice(&deltas);
    });
    taken
}

/// Of the three kinds of chunk, each time the one that takes most statuses.
fn write_chunks(mut statuses: &[u8], out: &mut Vec<u8>) {
    while let Some(first) = statuses.first() {
        let run = statuses.iter().take(MAX_RUN).take_while(|status| *status == first).count();
        let bits = &statuses[..statuses.len().min(BITS)];
        let pairs = &statuses[..statuses.len().min(PAIRS)];
        let one_bit = bits.iter().all(|status| *status <= SMALL);
        let most = if one_bit { bits.len() } else { pairs.len() };
        let (chunk, taken) = if run >= most {
            (u16::from(*first) << 13 | run as u16, run)
        } else if one_bit {
            (0b10 << 14 | packed(bits, 1) << (BITS - bits.len()), most)
        } else {
            (0b11 << 14 | packed(pairs, 2) << (2 * (PAIRS - pairs.len())), most)
        };
        out.extend(chunk.to_be_bytes());
        statuses = &statuses[taken..];
    }
}

fn packed(statuses: &[u8], width: u32) -> u16 {
    statuses.iter().fold(0, |packed, status| packed << width | u16::from(*status))
}
