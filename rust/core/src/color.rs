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

/// `a * b / 2^15`, rounded: `pmulhrsw` on x86.
#[inline(always)]
pub(crate) fn mulhrs(a: i32, b: i16) -> i32 {
    (a * i32::from(b) + (1 << 14)) >> 15
}

/// YUV to RGB in 16-bit fixed point.
///
/// ```text
/// R = clip(mulhrs(Y * luma + scale(V, red_v) + bias, unit)), and so on
/// ```
/// One level is `2^15 / unit`. That is no power of two: it is chosen such that the coefficient of luma is an
/// integer of 7 bits but for one part in 50 000 or less. Bytes times bytes are cheap, and this product has to be
/// made for every pixel. The bias holds the black level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decode {
    pub luma: i16,
    pub unit: i16,
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
        let chroma = 255.0 / chroma_steps;
        let red_v = 2.0 * (1.0 - kr) * chroma;
        let blue_u = 2.0 * (1.0 - kb) * chroma;
        let green_v = -red_v * kr / kg;
        let green_u = -blue_u * kb / kg;
        let real = 255.0 / luma_steps;
        let (luma, unit) = product(real * 32768.0);
        let level = 32768.0 / unit as f64;
        Self {
            luma: luma as i16,
            unit: unit as i16,
            // Exact in the middle, so that what the coefficient is off counts half at either end.
            bias: nearest((128.0 - black) * real * level - 128.0 * luma as f64) as i16,
            first: chroma_coefficient(if blue_first { blue_u } else { red_v }, level),
            green: if blue_first {
                [chroma_coefficient(green_u, level), chroma_coefficient(green_v, level)]
            } else {
                [chroma_coefficient(green_v, level), chroma_coefficient(green_u, level)]
            },
            last: chroma_coefficient(if blue_first { red_v } else { blue_u }, level),
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
        mulhrs(i32::from(y) * i32::from(self.luma) + offset, self.unit).clamp(0, 255) as u8
    }
}

/// The integers whose product is nearest to `x`, the first in `64..=127`: the most a signed byte holds.
const fn product(x: f64) -> (i32, i32) {
    let (mut best, mut least) = ((0, 0), f64::INFINITY);
    let mut a = 64;
    while a <= 127 {
        let b = nearest(x / a as f64);
        let apart = (a * b) as f64 - x;
        let apart = if apart < 0.0 { -apart } else { apart };
        if apart < least {
            (best, least) = ((a, b), apart);
        }
        a += 1;
    }
    best
}

/// A coefficient for [`scale`], where one level is `level`.
const fn chroma_coefficient(k: f64, level: f64) -> i16 {
    nearest(k * level * 128.0) as i16
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
