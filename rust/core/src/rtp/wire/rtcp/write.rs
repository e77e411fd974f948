//! Packets to the bytes of a compound datagram.

use super::{
    APPLICATION, BYE, CNAME, EXTENDED, FIR, FirRequest, MAX_REPORTS, NACK, NackPair, PAYLOAD, PLI,
    RECEIVER_REPORT, REFERENCE_TIME, REMB, ReportBlock, SDES, SENDER_REPORT, SINCE_REFERENCE, SenderInfo,
    SinceReference, TRANSPORT,
};

/// Pairs of one NACK: what fits a datagram of 1200 bytes beside a report.
const MAX_PAIRS: usize = 253;
/// SSRCs of one BYE, which have five bits, and of one REMB, which have eight but are as few.
const MAX_SSRCS: usize = 31;

/// Appends a packet: its header, then what `body` appends, in whole words.
pub(super) fn packet(count: u8, kind: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([2 << 6 | count, kind, 0, 0]);
    body(out);
    out.resize(start + (out.len() - start).next_multiple_of(4), 0);
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

/// Appends a sender report; reports beyond [`MAX_REPORTS`] are left out, they belong into a receiver report.
pub fn write_sender_report(ssrc: u32, info: &SenderInfo, reports: &[ReportBlock], out: &mut Vec<u8>) {
    let reports = &reports[..reports.len().min(MAX_REPORTS)];
    packet(reports.len() as u8, SENDER_REPORT, out, |out| {
        out.extend(ssrc.to_be_bytes());
        out.extend(info.ntp.to_be_bytes());
        out.extend(info.timestamp.to_be_bytes());
        out.extend(info.packets.to_be_bytes());
        out.extend(info.bytes.to_be_bytes());
        reports.iter().for_each(|report| report.write(out));
    });
}

/// Appends receiver reports: one packet, or as many as it takes for more than [`MAX_REPORTS`].
pub fn write_receiver_report(ssrc: u32, reports: &[ReportBlock], out: &mut Vec<u8>) {
    let (first, rest) = reports.split_at(reports.len().min(MAX_REPORTS));
    for reports in std::iter::once(first).chain(rest.chunks(MAX_REPORTS)) {
        packet(reports.len() as u8, RECEIVER_REPORT, out, |out| {
            out.extend(ssrc.to_be_bytes());
            reports.iter().for_each(|report| report.write(out));
        });
    }
}

/// Appends a description: the canonical name of a stream, of which at most 255 bytes are written.
pub fn write_sdes(ssrc: u32, cname: &str, out: &mut Vec<u8>) {
    let name = &cname.as_bytes()[..cname.len().min(255)];
    packet(1, SDES, out, |out| {
        out.extend(ssrc.to_be_bytes());
        out.extend([CNAME, name.len() as u8]);
        out.extend_from_slice(name);
        // The end of the items; the packet fills up to a whole word.
        out.push(0);
    });
}

/// Appends the end of streams, 31 a packet.
pub fn write_bye(ssrcs: &[u32], out: &mut Vec<u8>) {
    for ssrcs in ssrcs.chunks(MAX_SSRCS) {
        packet(ssrcs.len() as u8, BYE, out, |out| {
            out.extend(ssrcs.iter().flat_map(|ssrc| ssrc.to_be_bytes()));
        });
    }
}

/// Appends what is missed of a stream, in ascending order (over the wrap, too); more than fits one packet makes
/// several, none makes none.
pub fn write_nack(
    sender_ssrc: u32,
    media_ssrc: u32,
    missed: impl IntoIterator<Item = u16>,
    out: &mut Vec<u8>,
) {
    let mut missed = missed.into_iter().peekable();
    while missed.peek().is_some() {
        feedback(NACK, TRANSPORT, sender_ssrc, media_ssrc, out, |out| {
            for _ in 0..MAX_PAIRS {
                let Some(first) = missed.next() else { break };
                let mut pair = NackPair { first, following: 0 };
                while let Some(next) = missed.next_if(|next| (1..=16).contains(&next.wrapping_sub(first))) {
                    pair.following |= 1 << (next.wrapping_sub(first) - 1);
                }
                out.extend(pair.first.to_be_bytes());
                out.extend(pair.following.to_be_bytes());
            }
        });
    }
}

/// Appends the loss of a picture.
pub fn write_pli(sender_ssrc: u32, media_ssrc: u32, out: &mut Vec<u8>) {
    feedback(PLI, PAYLOAD, sender_ssrc, media_ssrc, out, |_| {});
}

/// Appends requests of key frames.
pub fn write_fir(sender_ssrc: u32, requests: &[FirRequest], out: &mut Vec<u8>) {
    feedback(FIR, PAYLOAD, sender_ssrc, 0, out, |out| {
        for request in requests {
            out.extend(request.ssrc.to_be_bytes());
            out.extend([request.number, 0, 0, 0]);
        }
    });
}

/// Appends a bound in bits a second for some streams together, of which at most 31 are written. 18 bits of the rate
/// are kept, rounded down.
pub fn write_remb(sender_ssrc: u32, bitrate: u64, ssrcs: &[u32], out: &mut Vec<u8>) {
    let ssrcs = &ssrcs[..ssrcs.len().min(MAX_SSRCS)];
    let exponent = (64 - 18_u32).saturating_sub(bitrate.leading_zeros());
    let rate = exponent << 18 | (bitrate >> exponent) as u32;
    feedback(APPLICATION, PAYLOAD, sender_ssrc, 0, out, |out| {
        out.extend(REMB);
        out.extend(((ssrcs.len() as u32) << 24 | rate).to_be_bytes());
        out.extend(ssrcs.iter().flat_map(|ssrc| ssrc.to_be_bytes()));
    });
}

/// Appends an extended report of the time, NTP's format, for one that sends no media.
pub fn write_reference_time(ssrc: u32, ntp: u64, out: &mut Vec<u8>) {
    packet(0, EXTENDED, out, |out| {
        out.extend(ssrc.to_be_bytes());
        out.extend([REFERENCE_TIME, 0, 0, 2]);
        out.extend(ntp.to_be_bytes());
    });
}

/// Appends an extended report that answers reference times.
pub fn write_since_reference(ssrc: u32, answers: &[SinceReference], out: &mut Vec<u8>) {
    packet(0, EXTENDED, out, |out| {
        out.extend(ssrc.to_be_bytes());
        out.extend([SINCE_REFERENCE, 0]);
        out.extend((3 * answers.len() as u16).to_be_bytes());
        for answer in answers {
            out.extend(answer.ssrc.to_be_bytes());
            out.extend(answer.last_reference.to_be_bytes());
            out.extend(answer.since_reference.to_be_bytes());
        }
    });
}

fn feedback(
    format: u8,
    kind: u8,
    sender_ssrc: u32,
    media_ssrc: u32,
    out: &mut Vec<u8>,
    entries: impl FnOnce(&mut Vec<u8>),
) {
    packet(format, kind, out, |out| {
        out.extend(sender_ssrc.to_be_bytes());
        out.extend(media_ssrc.to_be_bytes());
        entries(out);
    });
}

impl ReportBlock {
    fn write(&self, out: &mut Vec<u8>) {
        let lost = self.lost.clamp(-(1 << 23), (1 << 23) - 1).cast_unsigned() & 0xff_ffff;
        out.extend(self.ssrc.to_be_bytes());
        out.extend((u32::from(self.fraction_lost) << 24 | lost).to_be_bytes());
        out.extend(self.highest_seq.to_be_bytes());
        out.extend(self.jitter.to_be_bytes());
        out.extend(self.last_sender_report.to_be_bytes());
        out.extend(self.since_sender_report.to_be_bytes());
    }
}
