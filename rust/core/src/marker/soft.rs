//! The reader for real channels: the most probable number, if it is probable enough.
//!
//! [`Evidence`] says how much likelier the corner is with each number than without a marker. Multiplied by
//! each number's prior, that gives its probability; a number is read if that is high enough.
//! [`read_soft`] knows nothing but which numbers may come; [`Probes::read`](super::probes::Probes::read) also
//! knows when they were sent, what came before, and hence what to expect.

use super::code::Reading;
use super::evidence::Evidence;

/// What the soft reader found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftReading {
    /// A number, a marker without one, or nothing.
    pub reading: Reading,
    /// 0 to 1: how probable the reading is, be it a number or none.
    pub confidence: f32,
}

/// Probability from which on a number is read.
const SURE: f32 = 0.85;
/// Prior probability that a picture carries a marker at all.
const MARKED: f32 = 1e-2;
/// Prior probability that a marker carries a number nobody waits for.
const FOREIGN: f32 = 1e-3;

/// Reads a corner without knowing when to expect which number.
///
/// `numbers` are those that may come, the likeliest first. Without them every number is equally likely,
/// which takes longer and needs a clearer picture. A legible number that is not among them is not reported:
/// it could be one of them, misread.
#[must_use]
pub fn read_soft(evidence: &Evidence, numbers: Option<&[u16]>) -> SoftReading {
    let mut weights = Vec::new();
    match numbers {
        Some(numbers) => {
            let share = |order: usize| 1.0 / (2.0 + order as f32);
            let total: f32 = (0..numbers.len()).map(share).sum();
            weights
                .extend(numbers.iter().enumerate().map(|(order, &seq)| (seq, MARKED * share(order) / total)));
        }
        None => weights.extend((0..=u16::MAX).map(|seq| (seq, MARKED / 65_536.0))),
    }
    for (seq, weight) in &mut weights {
        *weight *= evidence.of(*seq).exp();
    }
    decide(evidence, &weights, 1.0)
}

/// The reading, given the weight of each number and of there being none: their probabilities up to a common
/// factor.
pub(crate) fn decide(evidence: &Evidence, weights: &[(u16, f32)], none: f32) -> SoftReading {
    let foreign = evidence.clear().filter(|clear| weights.iter().all(|(seq, _)| seq != clear));
    let foreign = foreign.map_or(0.0, |seq| FOREIGN * evidence.of(seq).exp());
    let marked: f32 = weights.iter().map(|(_, weight)| weight).sum();
    let total = none + foreign + marked;
    let best = weights.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(seq, _)| *seq);
    // The same number can be listed more than once.
    let likeliest: f32 = weights.iter().filter(|(seq, _)| Some(*seq) == best).map(|(_, weight)| weight).sum();
    match best {
        Some(seq) if likeliest >= SURE * total => {
            SoftReading { reading: Reading::Number(seq), confidence: likeliest / total }
        }
        _ if 2.0 * marked > total => SoftReading { reading: Reading::Corrupted, confidence: marked / total },
        _ => SoftReading { reading: Reading::Absent, confidence: (none + foreign) / total },
    }
}
