//! Which input samples an output sample is made of, and how much of each.

use super::Filter;
use crate::kernels::{Group, WIDTH, Windows};

/// For each output sample of an axis: where its first input sample is, and the weights from there on.
pub(super) struct Taps {
    pub count: usize,
    pub first: Vec<u32>,
    pub weights: Vec<f32>,
}

impl Taps {
    pub fn new(from: usize, to: usize, filter: Filter) -> Self {
        let step = from as f64 / to as f64;
        let shrinks = filter == Filter::Area && from > to;
        let count = if shrinks { (step.ceil() as usize + 1).min(from) } else { 2.min(from) };
        let mut taps = Self { count, first: Vec::with_capacity(to), weights: vec![0.0; count * to] };
        for (at, weights) in taps.weights.chunks_exact_mut(count).enumerate() {
            if shrinks {
                let (start, end) = (at as f64 * step, (at + 1) as f64 * step);
                let first = (start as usize).min(from - count);
                taps.first.push(first as u32);
                for (index, weight) in weights.iter_mut().enumerate() {
                    let (low, high) = ((first + index) as f64, (first + index + 1) as f64);
                    *weight = ((high.min(end) - low.max(start)).max(0.0) / step) as f32;
                }
            } else {
                let centre = ((at as f64 + 0.5) * step - 0.5).clamp(0.0, (from - 1) as f64);
                let first = (centre as usize).min(from - count);
                taps.first.push(first as u32);
                let share = centre - first as f64;
                match weights {
                    [low, high] => (*low, *high) = ((1.0 - share) as f32, share as f32),
                    _ => weights.fill(1.0),
                }
            }
        }
        taps
    }

    pub fn at(&self, index: usize) -> (usize, &[f32]) {
        (self.first[index] as usize, &self.weights[index * self.count..(index + 1) * self.count])
    }

    /// The taps in groups; `None` if the input samples of an output sample, or of four, are too far apart.
    pub fn windows(&self, channels: usize) -> Option<Windows> {
        let pairs = self.count.div_ceil(2);
        if pairs > Windows::MOST_PAIRS {
            return None;
        }
        // Three channels leave one place of four empty.
        let samples = if channels == 3 { 3 } else { 4 };
        let total = self.first.len() * channels;
        let count = total.div_ceil(samples).next_multiple_of(2);
        let (mut groups, mut weights) = (vec![Group::default(); count], vec![[0.0; WIDTH]; count * pairs]);
        for sample in 0..total {
            let (group, place) = (sample / samples, sample % samples);
            let (pixel, channel) = (sample / channels, sample % channels);
            let (from, taps) = self.at(pixel);
            if place == 0 {
                groups[group].first = (from * channels) as u32;
            }
            let left = from * channels + channel - groups[group].first as usize;
            if left + channels >= WIDTH {
                return None;
            }
            groups[group].index[2 * place] = left as u32;
            groups[group].index[2 * place + 1] = (left + channels) as u32;
            for (tap, weight) in taps.iter().enumerate() {
                weights[group * pairs + tap / 2][2 * place + tap % 2] = *weight;
            }
        }
        Some(Windows { groups, weights, pairs, step: 2 * channels, samples })
    }
}
