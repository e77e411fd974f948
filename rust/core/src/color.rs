//! What luma and chroma mean: the matrix, the range, and the fixed-point coefficients made from them.
//!
//! All coefficients follow from Kr, Kb and the range (ITU-R BT.601-7, BT.709-6), computed at compile time,
//! so there is no table to mistype. The arithmetic they are for is written down beside the two structs; each
//! level carries out exactly that, so results do not depend on the CPU.

/// How red, green and blue weigh in luma.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601: standard definition, and what WebRTC senders mean when they say nothing.
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
}

impl Matrix {
    /// Weights of red and blue in luma; green has the rest.
    pub const fn weights(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
        }
    }
}

/// Which codes stand for black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// Luma 16 to 235, chroma 16 to 240.
    Limited,
    /// 0 to 255.
    Full,
}

impl Range {
    /// The luma code of black, steps from black to white, and steps across chroma.
    pub const fn steps(self) -> (f64, f64, f64) {
        match self {
            Self::Limited => (16.0, 219.0, 224.0),
            Self::Full => (0.0, 255.0, 255.0),
        }
    }
}

/// A colour space: matrix and range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    /// How red, green and blue weigh in luma.
    pub matrix: Matrix,
    /// Which codes stand for black and white.
    pub range: Range,
}

impl Color {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self { matrix: Matrix::Bt601, range: Range::Limited },
        Self { matrix: Matrix::Bt601, range: Range::Full },
        Self { matrix: Matrix::Bt709, range: Range::Limited },
        Self { matrix: Matrix::Bt709, range: Range::Full },
    ];
}

/// To the nearest integer, halves away from zero; `f64::round` is not yet const at our minimum version.
const fn nearest(x: f64) -> i32 {
    (if x < 0.0 { x - 0.5 } else { x + 0.5 }) as i32
}

/// YUV to RGB in 16-bit fixed point with 6 fractional bits.
///
/// ```text
/// luma  = (Y * 257 * self.luma) >> 16
/// U, V  = ((C - 128) * 256 * coefficient + 2^14) >> 15
/// R     = clip((luma + bias + red_v * V) >> 6), and so on
/// ```
/// The bias holds the black level and the half that makes the shift round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decode {
    pub luma: u16,
    pub bias: i16,
    /// Of the channel that comes first in memory, from its chroma: V for red, U for blue.
    pub first: i16,
    /// Of green, from the chroma of the first channel and from that of the last.
    pub green: [i16; 2],
    /// Of the channel that comes third in memory, from its chroma.
    pub last: i16,
    /// Blue comes first: its chroma, U, is the first channel's.
    pub blue_first: bool,
}

impl Decode {
    pub const fn new(color: Color, blue_first: bool) -> Self {
        let (kr, kb) = color.matrix.weights();
        let (black, luma_steps, chroma_steps) = color.range.steps();
        let kg = 1.0 - kr - kb;
        let luma = 255.0 / luma_steps;
        let chroma = 255.0 / chroma_steps;
        let red_v = 2.0 * (1.0 - kr) * chroma;
        let blue_u = 2.0 * (1.0 - kb) * chroma;
        let green_v = -red_v * kr / kg;
        let green_u = -blue_u * kb / kg;
        Self {
            luma: nearest(luma * 64.0 * 65536.0 / 257.0) as u16,
            bias: nearest(32.0 - black * luma * 64.0) as i16,
            first: chroma_i16(if blue_first { blue_u } else { red_v }),
            green: if blue_first {
                [chroma_i16(green_u), chroma_i16(green_v)]
            } else {
                [chroma_i16(green_v), chroma_i16(green_u)]
            },
            last: chroma_i16(if blue_first { red_v } else { blue_u }),
            blue_first,
        }
    }
}

impl Decode {
    /// A channel without chroma.
    #[inline(always)]
    pub fn gray(&self, y: u8) -> u8 {
        self.channel(y, i32::from(self.bias))
    }

    /// A channel from luma and what bias and chroma add to it.
    #[inline(always)]
    pub fn channel(&self, y: u8, offset: i32) -> u8 {
        let luma = (u32::from(y) * 257 * u32::from(self.luma)) >> 16;
        ((luma as i32 + offset) >> 6).clamp(0, 255) as u8
    }
}

const fn chroma_i16(k: f64) -> i16 {
    nearest(k * 64.0 * 128.0) as i16
}

/// RGB to YUV in 16-bit fixed point with 7 fractional bits.
///
/// ```text
/// Y = (sum of ((channel * 256 * coefficient) >> 16) + luma_bias) >> 7
/// s = sum of the channel over 2x2 pixels
/// U = (sum of ((s * 32 * coefficient + 2^14) >> 15) + 128.5 * 2^7) >> 7, and V likewise
/// ```
/// Coefficients stand in the order of the channels in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encode {
    pub luma: [u16; 3],
    pub luma_bias: u16,
    pub u: [i16; 3],
    pub v: [i16; 3],
}

/// 128 and a half, with 7 fractional bits.
pub(crate) const CHROMA_BIAS: i16 = 128 * 128 + 64;

impl Encode {
    pub const fn new(color: Color, blue_first: bool) -> Self {
        let (kr, kb) = color.matrix.weights();
        let (black, luma_steps, chroma_steps) = color.range.steps();
        let kg = 1.0 - kr - kb;
        let luma = luma_steps / 255.0 * 32768.0;
        let u = chroma_steps / 255.0 / (2.0 * (1.0 - kb)) * 32768.0;
        let v = chroma_steps / 255.0 / (2.0 * (1.0 - kr)) * 32768.0;
        let red = [luma * kr, -u * kr, v * (1.0 - kr)];
        let green = [luma * kg, -u * kg, -v * kg];
        let blue = [luma * kb, u * (1.0 - kb), -v * kb];
        let (first, last) = if blue_first { (blue, red) } else { (red, blue) };
        Self {
            luma: [nearest(first[0]) as u16, nearest(green[0]) as u16, nearest(last[0]) as u16],
            // A half to round, and one and a half for what the three shifts cut off on average.
            luma_bias: nearest(black * 128.0) as u16 + 64 + 1,
            u: [nearest(first[1]) as i16, nearest(green[1]) as i16, nearest(last[1]) as i16],
            v: [nearest(first[2]) as i16, nearest(green[2]) as i16, nearest(last[2]) as i16],
        }
    }

    /// Luma of a pixel.
    #[inline(always)]
    pub fn luma(&self, pixel: [u8; 3]) -> u8 {
        let mut luma = u32::from(self.luma_bias);
        for (channel, k) in pixel.into_iter().zip(self.luma) {
            luma += (u32::from(channel) * 256 * u32::from(k)) >> 16;
        }
        (luma >> 7) as u8
    }
}
