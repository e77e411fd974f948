//! Colour spaces: matrix, range and the fixed-point coefficients derived from them.
//!
//! All coefficients follow from Kr, Kb and the range (ITU-R BT.601-7, BT.709-6) and are computed at compile
//! time, so there is no table to mistype. Their arithmetic is defined beside the two structs; every level
//! carries out exactly that, so results do not depend on the CPU.

/// How red, green and blue weigh in luma.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601: standard definition, and the default of WebRTC senders.
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

    /// Its place among [`Color::ALL`].
    const fn index(self) -> usize {
        2 * (self.matrix as usize) + self.range as usize
    }
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
/// One level is `2^15 / unit` steps. `unit` is chosen so that the coefficient of luma is a 7-bit integer to
/// within one part in 50 000: products of bytes are cheap, and this one is needed for every pixel. The bias
/// includes the black level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decode {
    pub luma: i16,
    pub unit: i16,
    pub bias: i16,
    /// Of chroma in the channel that comes first in memory: of V in red, of U in blue.
    pub first: i16,
    /// Of chroma in green: of the first channel's, and of the last channel's.
    pub green: [i16; 2],
    /// Of chroma in the channel that comes third in memory.
    pub last: i16,
    /// Blue comes first: its chroma, U, is the first channel's.
    pub blue_first: bool,
}

impl Decode {
    const RGB: [Self; 4] =
        [Self::of(Color::ALL[0]), Self::of(Color::ALL[1]), Self::of(Color::ALL[2]), Self::of(Color::ALL[3])];

    pub fn new(color: Color, blue_first: bool) -> Self {
        let rgb = Self::RGB[color.index()];
        if !blue_first {
            return rgb;
        }
        let [green_v, green_u] = rgb.green;
        Self { first: rgb.last, green: [green_u, green_v], last: rgb.first, blue_first, ..rgb }
    }

    /// With red as the first channel and blue as the last.
    const fn of(color: Color) -> Self {
        let (kr, kb) = color.matrix.weights();
        let (black, luma_steps, chroma_steps) = color.range.steps();
        let kg = 1.0 - kr - kb;
        let chroma = 255.0 / chroma_steps;
        let red_v = 2.0 * (1.0 - kr) * chroma;
        let blue_u = 2.0 * (1.0 - kb) * chroma;
        let real = 255.0 / luma_steps;
        let (luma, unit) = product(real * 32768.0);
        let level = 32768.0 / unit as f64;
        assert!(((255.0 - black) * real + 128.0 * blue_u) * level < 32767.0, "sums must fit 16 bits");
        Self {
            luma: luma as i16,
            unit: unit as i16,
            // Exact in the middle, which halves the coefficient's error at either end.
            bias: nearest((128.0 - black) * real * level - 128.0 * luma as f64) as i16,
            first: chroma_coefficient(red_v, level),
            green: [
                chroma_coefficient(-red_v * kr / kg, level),
                chroma_coefficient(-blue_u * kb / kg, level),
            ],
            last: chroma_coefficient(blue_u, level),
            blue_first: false,
        }
    }

    /// A channel without chroma.
    #[inline(always)]
    pub fn gray(&self, y: u8) -> u8 {
        self.channel(y, i32::from(self.bias))
    }

    /// A channel from luma and the sum of bias and chroma.
    #[inline(always)]
    pub fn channel(&self, y: u8, offset: i32) -> u8 {
        mulhrs(i32::from(y) * i32::from(self.luma) + offset, self.unit).clamp(0, 255) as u8
    }
}

/// Two integers whose product is nearest to `x`. The first lies in `64..=127`, so that it fits a signed
/// byte.
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

/// RGB to YUV in fixed point.
///
/// ```text
/// Y = (mulhrs(luma[0] * first + luma[1] * green + luma[2] * last + luma_offset, unit) >> 7) + 128
/// d = sum of (channel - green) over 2x2 pixels, for the first and for the last channel
/// U = min((u[0] * d[0] + u[1] * d[1] + CHROMA_BIAS) >> 16, 255), and V likewise
/// ```
/// First and last are the channels' places in memory. Luma has coefficients of bytes, of which two are multiplied
/// at once; they are chosen to be in the right proportion, whatever their sum, which `unit` makes up for. Chroma
/// comes from differences, so that gray has no colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encode {
    pub luma: [u8; 3],
    pub luma_offset: i16,
    pub unit: i16,
    pub u: [i16; 2],
    pub v: [i16; 2],
}

/// 128 and a half.
pub(crate) const CHROMA_BIAS: i32 = 128 << 16 | 1 << 15;

impl Encode {
    const RGB: [Self; 4] =
        [Self::of(Color::ALL[0]), Self::of(Color::ALL[1]), Self::of(Color::ALL[2]), Self::of(Color::ALL[3])];

    pub fn new(color: Color, blue_first: bool) -> Self {
        let rgb = Self::RGB[color.index()];
        if !blue_first {
            return rgb;
        }
        let ([red, green, blue], [u_red, u_blue], [v_red, v_blue]) = (rgb.luma, rgb.u, rgb.v);
        Self { luma: [blue, green, red], u: [u_blue, u_red], v: [v_blue, v_red], ..rgb }
    }

    /// With red as the first channel and blue as the last.
    const fn of(color: Color) -> Self {
        let (kr, kb) = color.matrix.weights();
        let (black, luma_steps, chroma_steps) = color.range.steps();
        let bytes = proportion([kr, 1.0 - kr - kb, kb]);
        let luma = luma_steps / 255.0 / (bytes[0] as f64 + bytes[1] as f64 + bytes[2] as f64);
        // A quarter of it for each of four pixels.
        let chroma = chroma_steps / 255.0 * 16384.0;
        let (u, v) = (chroma / (2.0 * (1.0 - kb)), chroma / (2.0 * (1.0 - kr)));
        Self {
            luma: bytes,
            // The middle code becomes 0, so that all of them fit 16 bits.
            luma_offset: nearest((black + 0.5 - 128.0) / luma) as i16,
            unit: nearest(luma * 128.0 * 32768.0) as i16,
            u: [nearest(-u * kr) as i16, nearest(u * (1.0 - kb)) as i16],
            v: [nearest(v * (1.0 - kr)) as i16, nearest(-v * kb) as i16],
        }
    }

    /// Luma of a pixel.
    #[inline(always)]
    pub fn luma(&self, pixel: [u8; 3]) -> u8 {
        let mut sum = i32::from(self.luma_offset);
        for (channel, k) in pixel.into_iter().zip(self.luma) {
            sum += i32::from(channel) * i32::from(k);
        }
        ((mulhrs(sum, self.unit) >> 7) + 128) as u8
    }

    /// One code of chroma from the differences summed over four pixels.
    #[inline(always)]
    pub fn chroma(differences: [i32; 2], k: [i16; 2]) -> u8 {
        let sum = differences[0] * i32::from(k[0]) + differences[1] * i32::from(k[1]) + CHROMA_BIAS;
        (sum >> 16).min(255) as u8
    }
}

/// Bytes in about the proportion of `weights`, which add up to one and of which the middle one is the largest.
///
/// Half the middle byte and either of the others multiplied by 255 must fit 15 bits, all of them 16 bits.
const fn proportion(weights: [f64; 3]) -> [u8; 3] {
    let (mut best, mut least) = ([0; 3], f64::INFINITY);
    let mut middle = 64;
    while middle <= 160 {
        let scale = middle as f64 / weights[1];
        let (first, last) = (nearest(weights[0] * scale), nearest(weights[2] * scale));
        let sum = (first + middle + last) as f64;
        let mut apart = 0.0;
        let bytes = [first, middle, last];
        let mut at = 0;
        while at < 3 {
            let off = bytes[at] as f64 / sum - weights[at];
            apart += off * off;
            at += 1;
        }
        if first + (middle + 1) / 2 <= 128 && sum <= 256.0 && apart < least {
            (best, least) = ([first as u8, middle as u8, last as u8], apart);
        }
        middle += 1;
    }
    best
}
