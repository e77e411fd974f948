//! The packet trailer: what a picture says of itself behind its encoded bytes, unseen by any decoder.
//!
//! LiveKit's layout (docs/latency.md, Frame timing): fields, a length, and four letters. A sender appends it between encoder
//! and packetizer, where both sides have said that they take it off again; a receiver takes it off before the
//! decoder, and a forwarder for whoever has not said so. All but the letters is inverted, which keeps most of it from
//! looking like a start code of H.264; where it does nevertheless, the picture goes without.

use super::payload::{Codec, h264};

const MAGIC: [u8; 4] = *b"LKTS";
/// Bytes behind the fields: the length, and the letters.
const END: usize = 1 + MAGIC.len();
/// Each byte in front of the letters is combined with it.
const INVERSION: u8 = 0xff;

const USER_TIMESTAMP: u8 = 1;
const FRAME_ID: u8 = 2;
const USER_DATA: u8 = 3;

/// What a picture says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trailer {
    /// When it was taken: microseconds since the Unix epoch by the clock of whoever stamped it.
    pub user_timestamp: Option<u64>,
    /// Its number; 0 is none.
    pub frame_id: u32,
}

impl Trailer {
    /// Appends this to an encoded picture. An empty picture gets none, nor does one of H.264 in whose trailer a decoder
    /// would see a start code; false for those.
    pub fn append(self, codec: Codec, picture: &mut Vec<u8>) -> bool {
        let mut fields = Vec::with_capacity(16 + END);
        if let Some(timestamp) = self.user_timestamp {
            fields.extend([USER_TIMESTAMP, 8]);
            fields.extend(timestamp.to_be_bytes());
        }
        if self.frame_id != 0 {
            fields.extend([FRAME_ID, 4]);
            fields.extend(self.frame_id.to_be_bytes());
        }
        if picture.is_empty() || fields.is_empty() {
            return false;
        }
        fields.push((fields.len() + END) as u8);
        fields.iter_mut().for_each(|byte| *byte ^= INVERSION);
        fields.extend(MAGIC);
        if codec == Codec::H264 && fields.windows(3).any(|bytes| bytes == [0, 0, 1]) {
            return false;
        }
        picture.extend(fields);
        true
    }

    /// The trailer of a picture, and the bytes it takes at the end; `None` where there is none. Fields that are not known
    /// are passed over.
    #[must_use]
    pub fn find(picture: &[u8]) -> Option<(Self, usize)> {
        let (before, [length, magic @ ..]) = picture.split_last_chunk::<END>()?;
        let length = usize::from(length ^ INVERSION);
        if *magic != MAGIC || length < END || length >= picture.len() {
            return None;
        }
        let mut fields = &before[picture.len() - length..];
        let (mut trailer, mut known) = (Self::default(), false);
        while let [tag, size, rest @ ..] = fields {
            let Some((value, rest)) = rest.split_at_checked((size ^ INVERSION).into()) else { break };
            fields = rest;
            match tag ^ INVERSION {
                USER_TIMESTAMP if value.len() == 8 => {
                    trailer.user_timestamp = Some(number(value));
                }
                FRAME_ID if value.len() == 4 => trailer.frame_id = number(value) as u32,
                USER_DATA => {}
                _ => continue,
            }
            known = true;
        }
        known.then_some((trailer, length))
    }

    /// Takes the trailer off the last payload of a picture, wherever its packet came from; others are left as they are.
    pub fn strip(codec: Codec, payload: &mut Vec<u8>) {
        let Some((_, length)) = Self::find(payload) else { return };
        if codec != Codec::H264 || h264::shorten(payload, length) {
            payload.truncate(payload.len() - length);
        }
    }
}

fn number(inverted: &[u8]) -> u64 {
    inverted.iter().fold(0, |number, byte| number << 8 | u64::from(byte ^ INVERSION))
}
