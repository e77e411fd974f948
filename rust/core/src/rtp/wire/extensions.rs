//! Header extensions: RFC 8285 in both of its forms, and the values that mean something to us.

use super::{u16_at, u24_at, u64_at};
use crate::rtp::time::Time;
use std::time::Duration;

const ONE_BYTE: u16 = 0xbede;
const TWO_BYTE: u16 = 0x1000;
/// In the one-byte form, the id that ends the list.
const STOP: u8 = 15;

/// The header extensions of a packet, by their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions<'a> {
    two_byte: bool,
    bytes: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// The elements of an extension block; one of another profile than RFC 8285's has none.
    pub(super) fn new(profile: u16, bytes: &'a [u8]) -> Self {
        match profile {
            ONE_BYTE => Self { two_byte: false, bytes },
            // The lower four bits are the application's.
            _ if profile & 0xfff0 == TWO_BYTE => Self { two_byte: true, bytes },
            _ => Self::default(),
        }
    }

    /// Each id with its bytes, up to the first element that runs over the end.
    pub fn iter(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            while let [0, tail @ ..] = rest {
                rest = tail;
            }
            let (id, len, body) = match *rest {
                [id, len, ref body @ ..] if self.two_byte => (id, usize::from(len), body),
                // Id 0 with a length is not padding; it ends the list like 15 (section 4.2).
                [first, ref body @ ..] if !self.two_byte && (1..STOP).contains(&(first >> 4)) => {
                    (first >> 4, usize::from(first & 0x0f) + 1, body)
                }
                _ => return None,
            };
            let (value, tail) = body.split_at_checked(len)?;
            rest = tail;
            Some((id, value))
        })
    }
}

/// The ids that were agreed for one transport (`a=extmap`), each 1 to 255; `None` where the far side has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`
    pub mid: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time`
    pub abs_send_time: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`
    pub transport_cc: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 6464)
    pub audio_level: Option<u8>,
    /// `urn:3gpp:video-orientation`
    pub video_orientation: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/playout-delay`
    pub playout_delay: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time`
    pub capture_time: Option<u8>,
}

/// The values of one packet's extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionValues<'a> {
    /// The media section that the stream belongs to: 1 to 255 bytes, others are not written.
    pub mid: Option<&'a str>,
    /// When it was sent: 24 bits, see [`abs_send_time`].
    pub abs_send_time: Option<u32>,
    /// Counts the packets of the whole transport.
    pub transport_cc: Option<u16>,
    /// How loud the sound in it is.
    pub audio_level: Option<AudioLevel>,
    /// How the picture is turned: the byte of 3GPP TS 26.114, bits 1 and 0 are quarter turns.
    pub video_orientation: Option<u8>,
    /// How long the receiver may hold the picture back.
    pub playout_delay: Option<PlayoutDelay>,
    /// When it was captured, by the first sender's clock.
    pub capture_time: Option<CaptureTime>,
}

/// RFC 6464.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// Somebody speaks.
    pub voice: bool,
    /// How far below full scale, in dB: 0 to 127.
    pub below_full: u8,
}

/// Bounds of the time from capture to display, in steps of 10 ms up to 40.95 s; both 0: at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayoutDelay {
    /// At least this.
    pub min: Duration,
    /// At most this.
    pub max: Duration,
}

/// Absolute capture time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureTime {
    /// NTP's format, 32.32 bits.
    pub ntp: u64,
    /// What to add to come to the clock of who sent this packet on, 32.32 bits.
    pub clock_offset: Option<i64>,
}

/// The time as the abs-send-time extension has it: seconds with 18 bits of a fraction, in 24 bits that wrap each 64 s.
#[must_use]
pub const fn abs_send_time(time: Time) -> u32 {
    // Rounded to the nearest unit; an u128 because 18 bits more than micros may not fit.
    (((((time.micros() as u128) << 18) + 500_000) / 1_000_000) & 0xff_ffff) as u32
}

/// The microseconds of an unwrapped abs-send-time.
#[must_use]
pub const fn abs_send_micros(unwrapped: u64) -> u64 {
    ((unwrapped as u128 * 1_000_000) >> 18) as u64
}

impl<'a> ExtensionValues<'a> {
    /// The values of a packet by the ids that were agreed. Elements that are too short count as absent.
    #[must_use]
    pub fn read(extensions: Extensions<'a>, ids: &ExtensionIds) -> Self {
        let mut values = Self::default();
        for (id, bytes) in extensions.iter() {
            let is = |wanted: Option<u8>| wanted == Some(id);
            if is(ids.mid) {
                values.mid = std::str::from_utf8(bytes).ok().filter(|mid| !mid.is_empty());
            } else if is(ids.abs_send_time) {
                values.abs_send_time = u24_at(bytes, 0);
            } else if is(ids.transport_cc) {
                values.transport_cc = u16_at(bytes, 0);
            } else if is(ids.audio_level) {
                values.audio_level = bytes.first().map(|byte| AudioLevel::from_byte(*byte));
            } else if is(ids.video_orientation) {
                values.video_orientation = bytes.first().copied();
            } else if is(ids.playout_delay) {
                values.playout_delay = u24_at(bytes, 0).map(PlayoutDelay::from_bits);
            } else if is(ids.capture_time) {
                values.capture_time = u64_at(bytes, 0)
                    .map(|ntp| CaptureTime { ntp, clock_offset: u64_at(bytes, 8).map(u64::cast_signed) });
            }
        }
        values
    }

    /// Appends the extension block of those that have both an id and a value; false, and nothing appended, if
    /// there are none.
    pub(super) fn write(&self, ids: &ExtensionIds, out: &mut Vec<u8>) -> bool {
        let mut capture = [0; 16];
        let capture = self.capture_time.map(|time| time.write(&mut capture));
        let send_time = self.abs_send_time.map(|time| (time << 8).to_be_bytes());
        let transport_cc = self.transport_cc.map(u16::to_be_bytes);
        let level = self.audio_level.map(|level| [level.to_byte()]);
        let orientation = self.video_orientation.map(|byte| [byte]);
        let playout = self.playout_delay.map(|delay| (delay.to_bits() << 8).to_be_bytes());
        let elements = [
            (ids.mid, self.mid.map(str::as_bytes)),
            (ids.abs_send_time, send_time.as_ref().map(|bytes| &bytes[..3])),
            (ids.transport_cc, transport_cc.as_ref().map(<[u8; 2]>::as_slice)),
            (ids.audio_level, level.as_ref().map(<[u8; 1]>::as_slice)),
            (ids.video_orientation, orientation.as_ref().map(<[u8; 1]>::as_slice)),
            (ids.playout_delay, playout.as_ref().map(|bytes| &bytes[..3])),
            (ids.capture_time, capture),
        ];
        let mut two_byte = false;
        let mut len = 0;
        let present = || elements.iter().filter_map(|(id, value)| Some(((*id)?, (*value)?))).filter(fits);
        for (id, value) in present() {
            two_byte |= id >= STOP || value.len() > 16;
            len += value.len();
        }
        let count = present().count();
        if count == 0 {
            return false;
        }
        len += count * if two_byte { 2 } else { 1 };
        out.extend((if two_byte { TWO_BYTE } else { ONE_BYTE }).to_be_bytes());
        // Seven elements of up to 257 bytes.
        out.extend((len.div_ceil(4) as u16).to_be_bytes());
        for (id, value) in present() {
            if two_byte {
                out.extend([id, value.len() as u8]);
            } else {
                out.push(id << 4 | (value.len() - 1) as u8);
            }
            out.extend_from_slice(value);
        }
        out.resize(out.len() + len.next_multiple_of(4) - len, 0);
        true
    }
}

/// Whether an element can be written at all.
fn fits((id, value): &(u8, &[u8])) -> bool {
    *id != 0 && (1..=255).contains(&value.len())
}

impl AudioLevel {
    const VOICE: u8 = 0x80;

    const fn from_byte(byte: u8) -> Self {
        Self { voice: byte & Self::VOICE != 0, below_full: byte & !Self::VOICE }
    }

    const fn to_byte(self) -> u8 {
        let level = if self.below_full > 127 { 127 } else { self.below_full };
        level | if self.voice { Self::VOICE } else { 0 }
    }
}

impl PlayoutDelay {
    const STEP_MS: u64 = 10;

    fn from_bits(bits: u32) -> Self {
        let span = |steps: u32| Duration::from_millis(u64::from(steps) * Self::STEP_MS);
        Self { min: span(bits >> 12), max: span(bits & 0xfff) }
    }

    fn to_bits(self) -> u32 {
        let steps = |span: Duration| (span.as_millis() / u128::from(Self::STEP_MS)).min(0xfff) as u32;
        steps(self.min) << 12 | steps(self.max)
    }
}

impl CaptureTime {
    fn write(self, bytes: &mut [u8; 16]) -> &[u8] {
        bytes[..8].copy_from_slice(&self.ntp.to_be_bytes());
        let Some(offset) = self.clock_offset else { return &bytes[..8] };
        bytes[8..].copy_from_slice(&offset.to_be_bytes());
        bytes
    }
}
