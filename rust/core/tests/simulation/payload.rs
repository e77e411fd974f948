//! What the simulated encoder writes into a picture, so that the player can judge what arrives.

use realtime_fast_core::rtp::Time;

const LEN: usize = 1 + 4 + 4 + 8;

/// A picture that pretends to be VP8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    /// Counts pictures from 1.
    pub number: u32,
    /// The picture without which this one cannot be decoded.
    pub refers_to: u32,
    pub captured: Time,
    pub key: bool,
}

impl Body {
    /// The picture in about so many bytes.
    pub fn write(&self, bytes: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.max(LEN));
        out.push(u8::from(!self.key));
        out.extend(self.number.to_be_bytes());
        out.extend(self.refers_to.to_be_bytes());
        out.extend(self.captured.micros().to_be_bytes());
        // A pattern that depends on the picture: a mixture of two would show.
        out.resize(bytes.max(LEN), self.number as u8);
        out
    }

    /// Reads it back; `None` if it is not as it was written.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (head, filler) = bytes.split_at_checked(LEN)?;
        let number = u32::from_be_bytes(head[1..5].try_into().ok()?);
        filler.iter().all(|&byte| byte == number as u8).then_some(())?;
        Some(Self {
            number,
            refers_to: u32::from_be_bytes(head[5..9].try_into().ok()?),
            captured: Time::from_micros(u64::from_be_bytes(head[9..17].try_into().ok()?)),
            key: head[0] & 1 == 0,
        })
    }
}
