//! Encoded pictures and sound to payloads of packets, and back.
//!
//! A sender has one [`Packetizer`] a stream. A receiver asks [`Codec::inspect`] of each payload where in a picture it
//! stands, and makes a complete picture of them with [`Codec::assemble`]; both keep nothing between calls, so that
//! packets may come in any order.

pub mod h264;
pub mod opus;
pub mod vp8;

use super::wire::Malformed;

/// Sound or pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// What payloads are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 7741.
    Vp8,
    /// RFC 6184, packetization mode 1.
    H264,
    /// RFC 7587.
    Opus,
}

/// What one payload says about the picture that it is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// Nothing of the picture has to come before this payload. Certain for VP8 and Opus; in H.264 several payloads of
    /// a picture can say so (parameter sets travel in packets of their own), and only the packet before tells.
    pub starts: bool,
    /// The picture can be decoded without any before it. Only the first payload of a VP8 picture tells; in H.264 those
    /// with a sequence parameter set or a part of an IDR slice.
    pub key: bool,
    /// VP8: the number of the picture.
    pub picture_id: Option<PictureId>,
    /// VP8: the number of the latest picture of the base layer.
    pub base_index: Option<u8>,
    /// VP8: the layer in time, 0 being the base.
    pub temporal_layer: Option<u8>,
}

/// The number of a VP8 picture: it wraps at 7 or 15 bits, as its sender likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureId {
    /// The number.
    pub value: u16,
    /// Its width: 7 or 15.
    pub bits: u8,
}

impl PictureId {
    /// Whether this picture is the next after `earlier`.
    #[must_use]
    pub fn follows(self, earlier: Self) -> bool {
        let mask = (1 << self.bits.min(15)) - 1;
        self.value == earlier.value.wrapping_add(1) & mask
    }
}

impl Codec {
    /// What it is a codec of.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Opus => Kind::Audio,
            Self::Vp8 | Self::H264 => Kind::Video,
        }
    }

    /// What a payload says about its picture.
    ///
    /// # Errors
    /// [`Malformed`] if it is empty, cut short, or of a kind that was not agreed (H.264's interleaved mode).
    pub fn inspect(self, payload: &[u8]) -> Result<Fragment, Malformed> {
        match self {
            Self::Vp8 => Ok(vp8::Descriptor::parse(payload)?.fragment(payload)),
            Self::H264 => h264::inspect(payload),
            Self::Opus => opus::inspect(payload),
        }
    }

    /// Appends to `out` what a decoder takes: the picture whose payloads these are, all of them, in order. A frame of
    /// VP8, NAL units of H.264 each behind a start code (Annex B), a packet of Opus.
    ///
    /// # Errors
    /// [`Malformed`] as [`inspect`](Self::inspect), or if the payloads do not make one picture; `out` may then have a
    /// part of it.
    pub fn assemble<'a>(
        self,
        payloads: impl IntoIterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let before = out.len();
        match self {
            Self::Vp8 => vp8::assemble(payloads, out)?,
            Self::H264 => h264::assemble(payloads, out)?,
            Self::Opus => opus::assemble(payloads, out)?,
        }
        if out.len() == before {
            return Err(Malformed::new("picture", "at least 1 byte", 0));
        }
        Ok(())
    }
}

/// Cuts the pictures or the sound of one stream.
#[derive(Clone, Debug)]
pub struct Packetizer {
    codec: Codec,
    picture_id: u16,
}

impl Packetizer {
    /// For one stream. `picture_id` numbers its first picture, where the codec has numbers (VP8); any value does.
    ///
    /// It belongs to the stream, not to the encoder: numbers go on when an encoder is made anew.
    #[must_use]
    pub const fn new(codec: Codec, picture_id: u16) -> Self {
        Self { codec, picture_id: picture_id & vp8::MAX_PICTURE_ID }
    }

    /// What it cuts.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Appends the payloads of one picture, none longer than `budget` bytes (but for Opus, which cannot be cut); the
    /// last one's packet has the marker. Nothing to send makes no payload.
    ///
    /// `picture` is a frame of VP8, an access unit of H.264 in Annex B, or a packet of Opus.
    ///
    /// # Errors
    /// [`Malformed`] if H.264 does not begin with a start code, or `budget` leaves no room for a byte of picture.
    pub fn packetize(
        &mut self,
        picture: &[u8],
        budget: usize,
        payloads: &mut Vec<Vec<u8>>,
    ) -> Result<(), Malformed> {
        match self.codec {
            Codec::Vp8 => {
                vp8::packetize(picture, self.picture_id, budget, payloads)?;
                if !picture.is_empty() {
                    self.picture_id = self.picture_id.wrapping_add(1) & vp8::MAX_PICTURE_ID;
                }
            }
            Codec::H264 => h264::packetize(picture, budget, payloads)?,
            Codec::Opus => {
                if !picture.is_empty() {
                    payloads.push(picture.to_vec());
                }
            }
        }
        Ok(())
    }
}

/// How many payloads `len` bytes make, and the bytes of the largest: even sizes spread best over time.
fn even(len: usize, room: usize) -> (usize, usize) {
    let count = len.div_ceil(room);
    (count, len.div_ceil(count.max(1)))
}
