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

/// `(x - 128) * coefficient`, rounded: the one multiplication that all levels have, `pmulhrsw` on x86.
///
/// A coefficient of `k * 2^(7 + f)` gives `k * (x - 128)` with `f` fractional bits.
#[inline(always)]
pub(crate) fn scale(x: u8, coefficient: i16) -> i32 {
    ((i32::from(x) - 128) * 256 * i32::from(coefficient) + (1 << 14)) >> 15
}

/// YUV to RGB in 16-bit fixed point with 6 fractional bits.
///
/// ```text
/// R = clip((scale(Y, luma) + scale(V, red_v) + bias) >> 6), and so on
/// ```
/// The bias holds the black level, what centring luma took away, and the half that makes the shift round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decode {
    pub luma: i16,
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
            luma: six_bits(luma),
            bias: nearest(32.0 + (128.0 - black) * luma * 64.0) as i16,
            first: six_bits(if blue_first { blue_u } else { red_v }),
            green: if blue_first {
                [six_bits(green_u), six_bits(green_v)]
            } else {
                [six_bits(green_v), six_bits(green_u)]
            },
            last: six_bits(if blue_first { red_v } else { blue_u }),
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
        ((scale(y, self.luma) + offset) >> 6).clamp(0, 255) as u8
    }
}

/// A coefficient for [`scale`] with 6 fractional bits.
const fn six_bits(k: f64) -> i16 {
    nearest(k * 64.0 * 128.0) as i16
}

/// RGB to YUV in 16-bit fixed point with 7 fractional bits.
///
/// ```text
/// Y = (sum of scale(channel, coefficient) + luma_bias) >> 7
/// s = sum of channel - 128 over 2x2 pixels
/// U = (sum of ((s * 32 * coefficient + 2^14) >> 15) + 128.5 * 2^7) >> 7, and V likewise
/// ```
/// Coefficients stand in the order of the channels in memory. Those of U and of V add up to 0, so that gray
/// has no colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encode {
    pub luma: [i16; 3],
    pub luma_bias: i16,
    pub u: [i16; 3],
    pub v: [i16; 3],
}

/// 128 and a half, with 7 fractional bits.
pub(crate) const CHROMA_BIAS: i16 = 128 * 128 + 64;

impl Encode {
    pub const fn new(color: Color, blue_first: bool) -> Self {
        let (kr, kb) = color.matrix.weights();
        let (black, luma_steps, chroma_steps) = color.range.steps();
        let luma = luma_steps / 255.0;
        let u = chroma_steps / 255.0 / (2.0 * (1.0 - kb));
        let v = chroma_steps / 255.0 / (2.0 * (1.0 - kr));
        let red =
            [nearest(luma * kr * 16384.0), nearest(-u * kr * 32768.0), nearest(v * (1.0 - kr) * 32768.0)];
        let blue =
            [nearest(luma * kb * 16384.0), nearest(u * (1.0 - kb) * 32768.0), nearest(-v * kb * 32768.0)];
        let green = [nearest(luma * 16384.0) - red[0] - blue[0], -red[1] - blue[1], -red[2] - blue[2]];
        let (first, last) = if blue_first { (blue, red) } else { (red, blue) };
        Self {
            luma: [first[0] as i16, green[0] as i16, last[0] as i16],
            luma_bias: nearest((black + 128.0 * luma) * 128.0 + 64.0) as i16,
            u: [first[1] as i16, green[1] as i16, last[1] as i16],
            v: [first[2] as i16, green[2] as i16, last[2] as i16],
        }
    }

    /// Luma of a pixel.
    #[inline(always)]
    pub fn luma(&self, pixel: [u8; 3]) -> u8 {
        let mut luma = i32::from(self.luma_bias);
        for (channel, k) in pixel.into_iter().zip(self.luma) {
            luma += scale(channel, k);
        }
        (luma >> 7) as u8
    }
}
