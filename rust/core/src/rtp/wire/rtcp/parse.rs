//! A compound datagram to its packets.

use super::{
    APPLICATION, BYE, CNAME, Descriptions, EXTENDED, ExtendedBlock, ExtendedBlocks, FIR, FirRequest, NACK,
    NackPair, PAYLOAD, PLI, RECEIVER_REPORT, REFERENCE_TIME, REMB, Record, Records, ReportBlock, Rtcp, SDES,
    SENDER_REPORT, SINCE_REFERENCE, SenderInfo, SinceReference, TRANSPORT, TRANSPORT_CC,
};
use crate::rtp::wire::feedback::TransportFeedback;
use crate::rtp::wire::{Malformed, u16_at, u24_at, u32_at, u64_at};
use std::marker::PhantomData;

const HEADER: usize = 4;
const HAS_PADDING: u8 = 0x20;

/// Each packet of a datagram, in order; those of kinds that are not known are passed over.
///
/// A packet that is malformed within its own length is an error between its neighbours; one whose length cannot be
/// believed is the last.
pub fn packets(datagram: &[u8]) -> impl Iterator<Item = Result<Rtcp<'_>, Malformed>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            match split(rest) {
                Ok((packet, tail)) => {
                    rest = tail;
                    if let Some(packet) = read(packet).transpose() {
                        return Some(packet);
                    }
                }
                Err(error) => {
                    rest = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    })
}

/// One packet, not yet looked into.
struct Raw<'a> {
    /// The five bits that mean a count or a format.
    count: u8,
    kind: u8,
    /// Without header and padding.
    body: &'a [u8],
}

/// Takes the first packet off.
fn split(datagram: &[u8]) -> Result<(Raw<'_>, &[u8]), Malformed> {
    let short = Malformed::new("RTCP packet", "at least as many bytes as its length says", datagram.len());
    let [first, kind, _, _, ..] = *datagram else { return Err(short) };
    if first >> 6 != 2 {
        return Err(Malformed::new("RTCP version", "2", usize::from(first >> 6)));
    }
    let words = u16_at(datagram, 2).ok_or(short)?;
    let (packet, rest) = datagram.split_at_checked(HEADER + 4 * usize::from(words)).ok_or(short)?;
    let mut body = &packet[HEADER..];
    if first & HAS_PADDING != 0 {
        let padding = body.last().copied().map_or(0, usize::from);
        // A padding that cannot be leaves the body whole: whoever reads it looks at what it needs.
        body = body.get(..body.len().saturating_sub(padding)).unwrap_or_default();
    }
    Ok((Raw { count: first & 0x1f, kind, body }, rest))
}

/// A packet of a kind that is known.
fn read(packet: Raw<'_>) -> Result<Option<Rtcp<'_>>, Malformed> {
    let Raw { count, kind, body } = packet;
    let ssrc = |at| u32_at(body, at).ok_or(Malformed::new("RTCP body", "SSRCs of 4 bytes", body.len()));
    let all = |from: usize| body.get(from..).unwrap_or_default();
    Ok(Some(match (kind, count) {
        (SENDER_REPORT, _) => Rtcp::SenderReport {
            ssrc: ssrc(0)?,
            info: SenderInfo::read(all(4)).ok_or(Malformed::new(
                "sender report",
                "28 bytes of header and figures",
                HEADER + body.len(),
            ))?,
            reports: counted(4 + SenderInfo::SIZE, count, body)?,
        },
        (RECEIVER_REPORT, _) => Rtcp::ReceiverReport { ssrc: ssrc(0)?, reports: counted(4, count, body)? },
        (SDES, _) => Rtcp::Descriptions(Descriptions { bytes: body }),
        (BYE, _) => Rtcp::Bye { ssrcs: counted(0, count, body)? },
        (TRANSPORT, NACK) => {
            Rtcp::Nack { sender_ssrc: ssrc(0)?, media_ssrc: ssrc(4)?, pairs: Records::new(all(8)) }
        }
        (TRANSPORT, TRANSPORT_CC) => Rtcp::TransportFeedback(TransportFeedback::parse(body)?),
        (PAYLOAD, PLI) => Rtcp::Pli { sender_ssrc: ssrc(0)?, media_ssrc: ssrc(4)? },
        (PAYLOAD, FIR) => Rtcp::Fir { sender_ssrc: ssrc(0)?, requests: Records::new(all(8)) },
        (PAYLOAD, APPLICATION) if all(8).starts_with(&REMB) => {
            let short = Malformed::new("REMB", "its number of SSRCs and a rate", body.len());
            let [count, ..] = *all(12) else { return Err(short) };
            let rate = u24_at(body, 13).ok_or(short)?;
            let (exponent, mantissa) = (rate >> 18, u64::from(rate & 0x3_ffff));
            Rtcp::Remb {
                sender_ssrc: ssrc(0)?,
                // Rates that do not fit are as good as no bound.
                bitrate: mantissa
                    .checked_shl(exponent)
                    .filter(|rate| rate >> exponent == mantissa)
                    .unwrap_or(u64::MAX),
                ssrcs: counted(16, count, body)?,
            }
        }
        (EXTENDED, _) => Rtcp::Extended { ssrc: ssrc(0)?, blocks: ExtendedBlocks { bytes: all(4) } },
        _ => return Ok(None),
    }))
}

/// So many records from `at` on.
fn counted<T: Record>(at: usize, count: u8, body: &[u8]) -> Result<Records<'_, T>, Malformed> {
    let bytes = body.get(at..at + T::SIZE * usize::from(count));
    bytes.map(Records::new).ok_or(Malformed::new("RTCP body", "as many records as it counts", body.len()))
}

impl<'a, T> Records<'a, T> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, record: PhantomData }
    }
}

impl<'a> Descriptions<'a> {
    /// Each stream with its canonical name (not necessarily text), up to the first description that runs over the
    /// end. Streams of one name share a clock.
    pub fn names(self) -> impl Iterator<Item = (u32, &'a [u8])> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            loop {
                let ssrc = u32_at(rest, 0)?;
                let mut at = 4;
                let mut name = None;
                // Items end with a zero byte, and the description with zeros up to a whole word.
                while *rest.get(at)? != 0 {
                    let len = usize::from(*rest.get(at + 1)?);
                    let text = rest.get(at + 2..at + 2 + len)?;
                    if rest[at] == CNAME {
                        name = Some(text);
                    }
                    at += 2 + len;
                }
                rest = rest.get((at + 1).next_multiple_of(4)..).unwrap_or_default();
                if let Some(name) = name {
                    return Some((ssrc, name));
                }
            }
        })
    }
}

impl<'a> ExtendedBlocks<'a> {
    /// Each block that is known, up to the first that runs over the end.
    pub fn iter(self) -> impl Iterator<Item = ExtendedBlock<'a>> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            loop {
                let kind = *rest.first()?;
                let end = HEADER + 4 * usize::from(u16_at(rest, 2)?);
                let (block, tail) = rest.split_at_checked(end)?;
                rest = tail;
                match kind {
                    REFERENCE_TIME => {
                        if let Some(ntp) = u64_at(block, HEADER) {
                            return Some(ExtendedBlock::ReferenceTime(ntp));
                        }
                    }
                    SINCE_REFERENCE => {
                        return Some(ExtendedBlock::SinceReference(Records::new(&block[HEADER..])));
                    }
                    _ => {}
                }
            }
        })
    }
}

impl Record for u32 {
    const SIZE: usize = 4;

    fn read(bytes: &[u8]) -> Option<Self> {
        u32_at(bytes, 0)
    }
}

impl Record for SenderInfo {
    const SIZE: usize = 20;

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            ntp: u64_at(bytes, 0)?,
            timestamp: u32_at(bytes, 8)?,
            packets: u32_at(bytes, 12)?,
            bytes: u32_at(bytes, 16)?,
        })
    }
}

impl Record for ReportBlock {
    const SIZE: usize = 24;

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            ssrc: u32_at(bytes, 0)?,
            fraction_lost: *bytes.get(4)?,
            // The sign of 24 bits, stretched to 32.
            lost: (u24_at(bytes, 5)? << 8).cast_signed() >> 8,
            highest_seq: u32_at(bytes, 8)?,
            jitter: u32_at(bytes, 12)?,
            last_sender_report: u32_at(bytes, 16)?,
            since_sender_report: u32_at(bytes, 20)?,
        })
    }
}

impl Record for SinceReference {
    const SIZE: usize = 12;

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            ssrc: u32_at(bytes, 0)?,
            last_reference: u32_at(bytes, 4)?,
            since_reference: u32_at(bytes, 8)?,
        })
    }
}

impl Record for NackPair {
    const SIZE: usize = 4;

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self { first: u16_at(bytes, 0)?, following: u16_at(bytes, 2)? })
    }
}

impl Record for FirRequest {
    const SIZE: usize = 8;

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self { ssrc: u32_at(bytes, 0)?, number: *bytes.get(4)? })
    }
}
