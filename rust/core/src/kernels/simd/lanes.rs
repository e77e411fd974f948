//! Weaving where shuffles stay within lanes of 16 bytes: SSE4.1 has one lane, AVX2 two.
//!
//! Lane `i` takes the pixels from `16 * i` on, so that each lane does what a vector of 16 bytes would.

use super::ops::Simd;

/// What weaving by lanes needs beyond [`Simd`].
pub(crate) trait Lanes: Simd {
    /// Lane `i` from `from[at + i * step..]`.
    fn load_lanes(self, from: &[u8], at: usize, step: usize) -> Self::V;
    /// Lane `i` of `vectors` side by side, for one lane after the other.
    fn store_lanes3(self, to: &mut [u8], vectors: [Self::V; 3]);
    /// As [`Lanes::store_lanes3`].
    fn store_lanes4(self, to: &mut [u8], vectors: [Self::V; 4]);
    /// All lanes the same.
    fn lanes(self, value: &[u8; 16]) -> Self::V;
    /// Of each lane, the bytes that `table` names.
    fn shuffle(self, a: Self::V, table: Self::V) -> Self::V;
    /// Of each lane, 16-bit elements 0, 3 and 6 of `a`, 1, 4 and 7 of `b`, 2 and 5 of `c`.
    fn choose16(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    fn unpacklo8(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi8(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpacklo16(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi16(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpacklo32(self, a: Self::V, b: Self::V) -> Self::V;
    fn unpackhi32(self, a: Self::V, b: Self::V) -> Self::V;
}

/// Shuffles of each lane.
#[derive(Clone, Copy)]
pub(crate) struct Tables<S: Lanes> {
    /// See [`Tables::store3`].
    place: [S::V; 3],
    opaque: S::V,
    /// Quads of pixels of three bytes, of those that begin at the fifth byte, and of pixels of four bytes.
    quads: [S::V; 3],
}

/// Where the bytes of quads are in pixels of `step` bytes that begin at `start`.
const fn quads(step: u8, start: u8) -> [u8; 16] {
    let mut table = [0; 16];
    let mut at = 0;
    while at < 16 {
        let channel = if at % 2 == 1 { 1 } else { at as u8 / 4 % 2 * 2 };
        let pixel = at as u8 / 8 * 2 + at as u8 / 2 % 2;
        table[at] = start + pixel * step + channel;
        at += 1;
    }
    table
}

impl<S: Lanes> Tables<S> {
    #[inline(always)]
    pub fn new(s: S) -> Self {
        const PLACE: [[u8; 16]; 3] = {
            let mut place = [[0; 16]; 3];
            let mut at = 0;
            while at < 24 {
                let (source, pair) = (at % 3, at as u8 / 3);
                (place[source][at % 8 * 2], place[source][at % 8 * 2 + 1]) = (pair, 8 + pair);
                at += 1;
            }
            place
        };
        Self {
            place: [s.lanes(&PLACE[0]), s.lanes(&PLACE[1]), s.lanes(&PLACE[2])],
            opaque: s.splat16(-1),
            quads: [
                s.lanes(&const { quads(3, 0) }),
                s.lanes(&const { quads(3, 4) }),
                s.lanes(&const { quads(4, 0) }),
            ],
        }
    }

    /// The bytes of two pixels, an even and an odd one, are three pairs: `R G`, `B R`, `G B`. Each pair comes out of
    /// one packed vector that has eight of them; pair `i` of kind `c` belongs at 16-bit element `3 * i + c` of
    /// three vectors. Since 3 and 8 have no common factor, the places `(3 * i + c) % 8` of one kind are all
    /// different: one shuffle brings every pair of a kind to its place, and what is left is to choose, element by
    /// element, from which of the three vectors to take it.
    #[inline(always)]
    pub fn store3(&self, s: S, to: &mut [u8], [a, b, c]: [[S::V; 2]; 3]) {
        let first = s.shuffle(s.packus16(a[0], b[0]), self.place[0]);
        let second = s.shuffle(s.packus16(c[0], a[1]), self.place[1]);
        let third = s.shuffle(s.packus16(b[1], c[1]), self.place[2]);
        // 8 = 2 (mod 3): the second vector starts with the third kind, the third with the second.
        let vectors = [
            s.choose16(first, second, third),
            s.choose16(third, first, second),
            s.choose16(second, third, first),
        ];
        s.store_lanes3(to, vectors);
    }

    /// Two channels to pairs of bytes, twice, and those to pixels; even and odd ones apart until the end.
    #[inline(always)]
    pub fn store4(&self, s: S, to: &mut [u8], [a, b, c]: [[S::V; 2]; 3]) {
        let (a, b, c) = (s.packus16(a[0], a[1]), s.packus16(b[0], b[1]), s.packus16(c[0], c[1]));
        let (ab, cd) = (s.unpacklo8(a, b), s.unpacklo8(c, self.opaque));
        let even = [s.unpacklo16(ab, cd), s.unpackhi16(ab, cd)];
        let (ab, cd) = (s.unpackhi8(a, b), s.unpackhi8(c, self.opaque));
        let odd = [s.unpacklo16(ab, cd), s.unpackhi16(ab, cd)];
        let vectors = [
            s.unpacklo32(even[0], odd[0]),
            s.unpackhi32(even[0], odd[0]),
            s.unpacklo32(even[1], odd[1]),
            s.unpackhi32(even[1], odd[1]),
        ];
        s.store_lanes4(to, vectors);
    }

    /// The quads of pixels of three bytes, 16 to a lane in the order of pixels.
    #[inline(always)]
    pub fn quads3(&self, s: S, from: &[u8]) -> [S::V; 4] {
        let [start, fifth, _] = self.quads;
        // The last four pixels would take a lane beyond the end.
        [
            s.shuffle(s.load_lanes(from, 0, 48), start),
            s.shuffle(s.load_lanes(from, 12, 48), start),
            s.shuffle(s.load_lanes(from, 24, 48), start),
            s.shuffle(s.load_lanes(from, 32, 48), fifth),
        ]
    }

    /// The quads of pixels of four bytes, vectors in the order of pixels.
    #[inline(always)]
    pub fn quads4(&self, s: S, from: &[u8]) -> [S::V; 4] {
        [
            s.shuffle(s.load(from), self.quads[2]),
            s.shuffle(s.load(&from[S::BYTES..]), self.quads[2]),
            s.shuffle(s.load(&from[2 * S::BYTES..]), self.quads[2]),
            s.shuffle(s.load(&from[3 * S::BYTES..]), self.quads[2]),
        ]
    }

    /// Of each lane, even bytes then odd ones.
    #[inline(always)]
    pub fn unzip(&self, s: S, a: S::V) -> S::V {
        s.shuffle(a, s.lanes(&[0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15]))
    }
}

/// The methods of [`Simd`] that are [`Tables`]'.
macro_rules! weave_by_lanes {
    () => {
        type Tables = Tables<Self>;

        #[inline(always)]
        fn tables(self) -> Self::Tables {
            Tables::new(self)
        }

        #[inline(always)]
        fn store3(self, tables: &Self::Tables, to: &mut [u8], channels: [[Self::V; 2]; 3]) {
            tables.store3(self, to, channels);
        }

        #[inline(always)]
        fn store4(self, tables: &Self::Tables, to: &mut [u8], channels: [[Self::V; 2]; 3]) {
            tables.store4(self, to, channels);
        }

        #[inline(always)]
        fn quads<const P: usize>(self, tables: &Self::Tables, from: &[u8]) -> [Self::V; 4] {
            if P == 3 { tables.quads3(self, from) } else { tables.quads4(self, from) }
        }
    };
}

pub(super) use weave_by_lanes;
