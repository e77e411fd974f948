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

impl Group {
    /// Window `pair` of the group.
    #[inline(always)]
    pub fn window<'r>(&self, row: &'r [f32], pair: usize, step: usize) -> &'r Window {
        let first = self.first as usize + pair * step;
        row[first..first + WIDTH].try_into().expect("eight numbers")
    }
}

impl Windows {
    /// The most windows of a group.
    pub const MOST_PAIRS: usize = 2;

    /// How long a row must be: windows reach beyond the samples, where they have no weight.
    pub fn reach(&self) -> usize {
        let last = self.groups.iter().map(|group| group.first as usize).max().unwrap_or(0);
        last + (self.pairs - 1) * self.step + WIDTH
    }

    /// Output samples of a scaled row from the weighed sums of its columns; `row` is as long as the windows reach.
    #[inline(always)]
    pub fn weigh<const PAIRS: usize>(&self, by: impl Weigh, row: &[f32], mut out: &mut [u8]) {
        let groups = self.groups.as_chunks::<2>().0;
        let weights = self.weights.as_chunks::<PAIRS>().0.as_chunks::<2>().0;
        let mut twos = groups.iter().zip(weights);
        if self.samples == 4 {
            let (blocks, rest) = out.as_chunks_mut::<8>();
            for (block, (groups, weights)) in blocks.iter_mut().zip(&mut twos) {
                *block = by.two(groups, weights, self.step, row);
            }
            out = rest;
        }
        for ((groups, weights), out) in twos.zip(out.chunks_mut(2 * self.samples)) {
            let bytes = by.two(groups, weights, self.step, row);
            for (group, out) in out.chunks_mut(self.samples).enumerate() {
                out.copy_from_slice(&bytes[4 * group..][..out.len()]);
            }
        }
    }
}

/// The arithmetic of a level.
pub(crate) trait Weigh: Copy {
    /// Four samples of each of two groups. Even and odd taps are summed apart.
    fn two<const PAIRS: usize>(
        self,
        groups: &[Group; 2],
        weights: &[[Window; PAIRS]; 2],
        step: usize,
        row: &[f32],
    ) -> [u8; 8];
}
