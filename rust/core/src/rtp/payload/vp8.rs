//! VP8: RFC 7741.

use super::{Fragment, PictureId, even};
use crate::rtp::wire::Malformed;

pub(super) const MAX_PICTURE_ID: u16 = 0x7fff;

/// What we write before each part of a picture: a picture id of 15 bits and nothing else.
const WRITTEN: usize = 4;

const EXTENDED: u8 = 0x80;
const STARTS: u8 = 0x10;
const PARTITION: u8 = 0x07;
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_BASE_INDEX: u8 = 0x40;
const HAS_TEMPORAL: u8 = 0x20;
const HAS_KEY_INDEX: u8 = 0x10;
const LONG: u8 = 0x80;
/// In the first byte of a picture: clear if it is a key frame (RFC 6386 section 9.1).
const INTER: u8 = 0x01;

/// What stands before each part of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// The first payload of the picture.
    pub starts: bool,
    /// The number of the picture.
    pub picture_id: Option<PictureId>,
    /// The number of the latest picture of the base layer.
    pub base_index: Option<u8>,
    /// The layer in time.
    pub temporal_layer: Option<u8>,
    /// Bytes of this descriptor.
    pub len: usize,
}

impl Descriptor {
    /// Reads what a payload begins with.
    ///
    /// # Errors
    /// [`Malformed`] if the payload ends before the descriptor does.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let mut at = 0;
        let mut next = || {
            let byte = payload.get(at).copied();
            at += 1;
            byte.ok_or(Malformed::new("VP8 payload", "at least its descriptor's bytes", payload.len()))
        };
        let first = next()?;
        let present = if first & EXTENDED != 0 { next()? } else { 0 };
        let mut picture_id = None;
        if present & HAS_PICTURE_ID != 0 {
            let byte = next()?;
            picture_id = Some(if byte & LONG == 0 {
                PictureId { value: byte.into(), bits: 7 }
            } else {
                PictureId { value: u16::from_be_bytes([byte & !LONG, next()?]), bits: 15 }
            });
        }
        let base_index = if present & HAS_BASE_INDEX != 0 { Some(next()?) } else { None };
        let layers = if present & (HAS_TEMPORAL | HAS_KEY_INDEX) != 0 { Some(next()?) } else { None };
        Ok(Self {
            starts: first & STARTS != 0 && first & PARTITION == 0,
            picture_id,
            base_index,
            temporal_layer: layers.filter(|_| present & HAS_TEMPORAL != 0).map(|layers| layers >> 6),
            len: at,
        })
    }

    pub(super) fn fragment(&self, payload: &[u8]) -> Fragment {
        let first = payload.get(self.len);
        Fragment {
            starts: self.starts,
            key: self.starts && first.is_some_and(|byte| byte & INTER == 0),
            picture_id: self.picture_id,
            base_index: self.base_index,
            temporal_layer: self.temporal_layer,
        }
    }
}

/// Writes another number over a payload's picture id, in the width that it has; false if the payload has none.
///
/// For one who passes a stream on: over a change of the source numbers have to go on, else receivers drop pictures.
pub fn renumber(payload: &mut [u8], picture_id: u16) -> bool {
    match payload {
        [first, present, high, low, ..]
            if *first & EXTENDED != 0 && *present & HAS_PICTURE_ID != 0 && *high & LONG != 0 =>
        {
            let [upper, lower] = picture_id.to_be_bytes();
            (*high, *low) = (upper | LONG, lower);
            true
        }
        [first, present, id, ..]
            if *first & EXTENDED != 0 && *present & HAS_PICTURE_ID != 0 && *id & LONG == 0 =>
        {
            *id = picture_id as u8 & !LONG;
            true
        }
        _ => false,
    }
}

pub(super) fn packetize(
    picture: &[u8],
    picture_id: u16,
    budget: usize,
    payloads: &mut Vec<Vec<u8>>,
) -> Result<(), Malformed> {
    let Some(room @ 1..) = budget.checked_sub(WRITTEN) else {
        return Err(Malformed::new("budget of a VP8 payload", "at least 5 bytes", budget));
    };
    let [high, low] = picture_id.to_be_bytes();
    let (_, size) = even(picture.len(), room);
    for (index, part) in picture.chunks(size.max(1)).enumerate() {
        let starts = if index == 0 { STARTS } else { 0 };
        let mut payload = Vec::with_capacity(WRITTEN + part.len());
        payload.extend([EXTENDED | starts, HAS_PICTURE_ID, high | LONG, low]);
        payload.extend_from_slice(part);
        payloads.push(payload);
    }
    Ok(())
}

pub(super) fn assemble<'a>(
    payloads: impl IntoIterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    for (index, payload) in payloads.into_iter().enumerate() {
        let descriptor = Descriptor::parse(payload)?;
        if descriptor.starts != (index == 0) {
            return Err(Malformed::new("VP8 picture", "its first payload, and no other, to start it", index));
        }
        out.extend_from_slice(&payload[descriptor.len..]);
    }
    Ok(())
}
