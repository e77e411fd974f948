//! RTP packets: RFC 3550 section 5.1.

use super::extensions::{ExtensionIds, ExtensionValues, Extensions};
use super::{Malformed, u16_at, u32_at};

const FIXED: usize = 12;
const VERSION: u8 = 2;
const HAS_PADDING: u8 = 0x20;
const HAS_EXTENSIONS: u8 = 0x10;
const MARKER: u8 = 0x80;

/// What every packet says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The last packet of a picture; the first one of sound after silence.
    pub marker: bool,
    /// What is inside, by the number that was agreed: 0 to 127.
    pub payload_type: u8,
    /// Counts packets of one SSRC.
    pub sequence_number: u16,
    /// When it was captured, in ticks of the codec's clock.
    pub timestamp: u32,
    /// The stream.
    pub ssrc: u32,
}

/// A packet as it lies in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The fixed part.
    pub header: Header,
    /// Header extensions, none if the packet has none.
    pub extensions: Extensions<'a>,
    /// The payload without padding; empty in packets that are nothing but padding.
    pub payload: &'a [u8],
    /// Bytes of padding after the payload, its own length byte included.
    pub padding: u8,
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`Malformed`] if it is of another version, or shorter than its own header, extension or padding.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let short = Malformed::new("RTP packet", "at least its header's bytes", datagram.len());
        let [first, second, ..] = *datagram else { return Err(short) };
        if first >> 6 != VERSION {
            return Err(Malformed::new("RTP version", "2", usize::from(first >> 6)));
        }
        let header = Header {
            marker: second & MARKER != 0,
            payload_type: second & !MARKER,
            sequence_number: u16_at(datagram, 2).ok_or(short)?,
            timestamp: u32_at(datagram, 4).ok_or(short)?,
            ssrc: u32_at(datagram, 8).ok_or(short)?,
        };
        let mut at = FIXED + 4 * usize::from(first & 0x0f);
        let mut extensions = Extensions::default();
        if first & HAS_EXTENSIONS != 0 {
            let (profile, words) =
                (u16_at(datagram, at).ok_or(short)?, u16_at(datagram, at + 2).ok_or(short)?);
            let end = at + 4 + 4 * usize::from(words);
            extensions = Extensions::new(profile, datagram.get(at + 4..end).ok_or(short)?);
            at = end;
        }
        let body = datagram.get(at..).ok_or(short)?;
        let padding = if first & HAS_PADDING == 0 { 0 } else { body.last().copied().unwrap_or(0) };
        if first & HAS_PADDING != 0 && !(1..=body.len()).contains(&usize::from(padding)) {
            return Err(Malformed::new(
                "RTP padding",
                "1 byte up to what follows the header",
                padding.into(),
            ));
        }
        let payload = &body[..body.len() - usize::from(padding)];
        Ok(Self { header, extensions, payload, padding })
    }
}

impl Header {
    /// Appends a packet to `out`: this header, the extensions that have both an id and a value, the payload from
    /// its parts, and so many bytes of padding (0: none).
    pub fn write(
        &self,
        ids: &ExtensionIds,
        values: &ExtensionValues<'_>,
        payload: &[&[u8]],
        padding: u8,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        out.push(VERSION << 6 | if padding > 0 { HAS_PADDING } else { 0 });
        out.push(self.payload_type & !MARKER | if self.marker { MARKER } else { 0 });
        out.extend(self.sequence_number.to_be_bytes());
        out.extend(self.timestamp.to_be_bytes());
        out.extend(self.ssrc.to_be_bytes());
        if values.write(ids, out) {
            out[start] |= HAS_EXTENSIONS;
        }
        for part in payload {
            out.extend_from_slice(part);
        }
        if padding > 0 {
            out.resize(out.len() + usize::from(padding) - 1, 0);
            out.push(padding);
        }
    }
}
