//! Taps along a row, arranged for vectors.

/// Input samples that are looked at together.
pub(crate) const WIDTH: usize = 8;

/// Eight numbers.
pub(crate) type Window = [f32; WIDTH];

/// The output samples of a row in groups of up to four. All that a group needs is taken from a window of eight input
/// samples, two for each output sample, and from as many more windows as there are pairs of taps, each further on
/// by two pixels.
pub(crate) struct Windows {
    /// An even number of them; the last may have no samples.
    pub groups: Vec<Group>,
    /// Of a group's window after window.
    pub weights: Vec<Window>,
    /// Windows of a group.
    pub pairs: usize,
    /// From one window of a group to the next.
    pub step: usize,
    /// Output samples of a group.
    pub samples: usize,
}

/// Where a group's first window begins, and which of it are taken.
#[derive(Clone, Default)]
pub(crate) struct Group {
    pub first: u32,
    pub index: [u32; WIDTH],
}

/// Two groups, and the weights of their windows.
type Two<'a, const PAIRS: usize> = (&'a [Group; 2], &'a [[Window; PAIRS]; 2]);

impl Windows {
    /// The most windows of a group.
    pub const MOST_PAIRS: usize = 2;

    /// How long a row must be: windows reach beyond the samples, where they have no weight.
    pub fn reach(&self) -> usize {
        let last = self.groups.iter().map(|group| group.first as usize).max().unwrap_or(0);
        last + (self.pairs - 1) * self.step + WIDTH
    }

    /// Two groups at a time, with the weights of their `PAIRS` windows and the samples to be written.
    #[inline(always)]
    pub fn twos<'a, const PAIRS: usize>(
        &'a self,
        out: &'a mut [u8],
    ) -> impl Iterator<Item = (Two<'a, PAIRS>, &'a mut [u8])> {
        let groups = self.groups.as_chunks::<2>().0;
        let weights = self.weights.as_chunks::<PAIRS>().0.as_chunks::<2>().0;
        groups.iter().zip(weights).zip(out.chunks_mut(2 * self.samples))
    }

    /// Writes two groups' samples, of four bytes each, as far as `out` goes.
    #[inline(always)]
    pub fn put(&self, bytes: [u8; 8], out: &mut [u8]) {
        match (self.samples, out) {
            (4, out) if out.len() == 8 => out.copy_from_slice(&bytes),
            (3, [a, b, c, d, e, f]) => [*a, *b, *c, _, *d, *e, *f, _] = bytes,
            (samples, out) => {
                for (group, out) in out.chunks_mut(samples).enumerate() {
                    out.copy_from_slice(&bytes[4 * group..][..out.len()]);
                }
            }
        }
    }
}
