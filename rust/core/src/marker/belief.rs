//! A probability for every latency, updated with each frame.
//!
//! Latency changes slowly, so frames that are too damaged to be read on their own still add up: a number
//! that a corner slightly favours is evidence for one latency, and only the true latency is favoured frame
//! after frame. The belief then tells which number to expect next (a Bayes filter over a histogram; trackers
//! call it "track before detect"). Step edges that resemble a marker do not count up, so a still picture is
//! not mistaken for one.

/// Seconds a bin is wide: a quarter of a frame at 30 frames a second.
const BIN: f64 = 1.0 / 120.0;
/// Two minutes: twice the timeout of a probe.
const MAX_BINS: usize = 1 << 14;
/// Spread of arrival times in seconds, and how many bins to either side it reaches.
const JITTER: f64 = 0.012;
const REACH: usize = 24;
/// The spread of an arrival over bins. Its tails are heavy, because frames are held up at times.
const STRAY: [f32; 2 * REACH + 1] = stray();

/// Prior probability that frames are marked at all.
const MARKED: f32 = 0.1;
/// Probabilities per frame: that marking begins or ends, that latency moves by a bin either way, or anywhere.
const CHANGE: f32 = 1e-3;
const DRIFT: f32 = 0.02;
const JUMP: f32 = 1e-4;
/// Probability that the picture of an expected number shows nothing of it.
const BLANK: f32 = 0.003;
/// What one picture says at most: it may show what an earlier one left standing.
const LOUDEST: f32 = 1e4;

/// See the module's text.
#[derive(Clone, Debug)]
pub(crate) struct Belief {
    /// Probability of each latency.
    bins: Vec<f32>,
    /// Probability that frames carry no markers.
    unmarked: f32,
    /// Per bin, while a frame is weighed: the evidence for it, and the probability that a number was due.
    spoken: Vec<f32>,
    due: Vec<f32>,
}

impl Belief {
    pub(crate) fn new() -> Self {
        Self { bins: Vec::new(), unmarked: 1.0 - MARKED, spoken: Vec::new(), due: Vec::new() }
    }

    /// Advances to the next frame, which is at most `oldest` seconds late.
    pub(crate) fn advance(&mut self, oldest: f64) {
        let count = ((oldest.max(0.0) / BIN) as usize).saturating_add(REACH + 1).min(MAX_BINS);
        // Latencies that were impossible so far start from the prior.
        self.bins.resize(count, MARKED / count as f32);
        let marked: f32 = self.bins.iter().sum();
        let anywhere = (marked * JUMP + self.unmarked * CHANGE) / count as f32;
        self.unmarked += marked * CHANGE - self.unmarked * CHANGE;
        let stays = 1.0 - CHANGE - JUMP;
        let mut before = self.bins.first().copied().unwrap_or(0.0);
        for at in 0..count {
            let here = self.bins[at];
            let after = self.bins.get(at + 1).copied().unwrap_or(here);
            self.bins[at] = stays * (here + DRIFT * (before + after - 2.0 * here)) + anywhere;
            before = here;
        }
        self.spoken.clear();
        self.spoken.resize(count, 0.0);
        self.due.clear();
        self.due.resize(count, 0.0);
    }

    /// Probability that the frame was stamped `latency` seconds ago.
    pub(crate) fn expects(&self, latency: f64) -> f32 {
        self.around(latency).map_or(0.0, |(bins, stray)| {
            (1.0 - BLANK) * self.bins[bins].iter().zip(stray).map(|(bin, stray)| bin * stray).sum::<f32>()
        })
    }

    /// Notes the likelihood ratio of a number that would be `latency` seconds late.
    pub(crate) fn weigh(&mut self, latency: f64, ratio: f32) {
        if let Some((bins, stray)) = self.around(latency) {
            let (spoken, due) = (&mut self.spoken[bins.clone()], &mut self.due[bins]);
            let ratio = ratio.min(LOUDEST);
            for ((spoken, due), stray) in spoken.iter_mut().zip(due).zip(stray) {
                *spoken += stray * ratio;
                *due += stray;
            }
        }
    }

    /// Updates the belief by the frame's numbers and returns the weight of its having none. `repeat` is the
    /// likelihood ratio of a repeated picture, which says nothing about latency. `unweighed` is that of a number
    /// that was not weighed; `None` if all were.
    pub(crate) fn settle(&mut self, repeat: f32, unweighed: Option<f32>) -> f32 {
        let mut none = self.unmarked;
        let mut total = self.unmarked;
        for ((bin, spoken), due) in self.bins.iter_mut().zip(&self.spoken).zip(&self.due) {
            let covered = due.min(1.0);
            let (blank, spoken) = match unweighed {
                Some(ratio) => (BLANK, spoken + (1.0 - covered) * ratio.min(LOUDEST)),
                None => ((1.0 - due).max(BLANK), *spoken),
            };
            none += *bin * blank;
            *bin *= blank + (1.0 - BLANK) * spoken + repeat;
            total += *bin;
        }
        self.bins.iter_mut().for_each(|bin| *bin /= total);
        self.unmarked /= total;
        none
    }

    /// The likeliest latency in seconds.
    pub(crate) fn likeliest(&self) -> f64 {
        let best = self.bins.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        best.map_or(0.0, |(at, _)| at as f64 * BIN)
    }

    /// Probability that frames are marked.
    pub(crate) fn marked(&self) -> f32 {
        1.0 - self.unmarked
    }

    /// The bins to which an arrival after `latency` seconds can belong, and its spread over them.
    fn around(&self, latency: f64) -> Option<(std::ops::Range<usize>, &'static [f32])> {
        if self.bins.is_empty() || !(0.0..).contains(&latency) {
            return None;
        }
        // The last bin is for all that is later.
        let middle = ((latency / BIN).round() as usize).min(self.bins.len() - 1);
        let (first, end) = (middle.saturating_sub(REACH), (middle + REACH + 1).min(self.bins.len()));
        Some((first..end, &STRAY[first + REACH - middle..end + REACH - middle]))
    }
}

const fn stray() -> [f32; 2 * REACH + 1] {
    let mut table = [0.0; 2 * REACH + 1];
    let mut at = 0;
    while at < table.len() {
        let apart = (at as f64 - REACH as f64) * BIN / JITTER;
        let narrow = 1.0 / (1.0 + apart * apart);
        table[at] = (narrow * narrow) as f32;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: f64 = 1.0 / 30.0;

    /// One frame that may have any of 60 numbers, with the likelihood ratio of each.
    fn frame(belief: &mut Belief, ratio: impl Fn(usize) -> f32) {
        belief.advance(60.0 * FRAME);
        for number in 0..60 {
            belief.weigh(number as f64 * FRAME, ratio(number));
        }
        belief.settle(0.0, None);
    }

    /// What does not speak for the true number speaks for another one each time.
    fn scattered(number: usize, round: usize) -> f32 {
        if (number * 7 + round * 13).is_multiple_of(20) { 8.0 } else { 0.01 }
    }

    #[test]
    fn weak_evidence_adds_up() {
        let mut belief = Belief::new();
        for round in 0..12 {
            frame(&mut belief, |number| if number == 20 { 8.0 } else { scattered(number, round) });
        }
        belief.advance(60.0 * FRAME);
        assert!(belief.marked() > 0.99, "{}", belief.marked());
        assert!(belief.expects(20.0 * FRAME) > 0.8, "{}", belief.expects(20.0 * FRAME));
        assert!(belief.expects(21.0 * FRAME) < 0.05, "{}", belief.expects(21.0 * FRAME));
    }

    #[test]
    fn what_does_not_count_up_convinces_nobody() {
        let mut belief = Belief::new();
        let rounds = if cfg!(miri) { 10 } else { 300 };
        for round in 0..rounds {
            frame(&mut belief, |number| scattered(number, round) / 4.0);
            assert!((0..60).all(|number| belief.expects(number as f64 * FRAME) < 0.2), "round {round}");
        }
        assert!(belief.marked() < 0.2, "{}", belief.marked());
    }

    #[test]
    fn latency_may_drift_and_jump() {
        let mut belief = Belief::new();
        let clear = |at: f64| move |number: usize| if (number as f64 - at).abs() < 0.5 { 1e6 } else { 1e-3 };
        let mut late = 10.0;
        for _ in 0..100 {
            frame(&mut belief, clear(late));
            late += 0.01;
        }
        assert!(belief.expects(late * FRAME) > 0.5, "{}", belief.expects(late * FRAME));
        for _ in 0..3 {
            frame(&mut belief, clear(40.0));
        }
        assert!(belief.expects(40.0 * FRAME) > 0.8, "{}", belief.expects(40.0 * FRAME));
    }

    #[test]
    fn frames_without_a_due_number_say_nothing() {
        let mut belief = Belief::new();
        for _ in 0..5 {
            frame(&mut belief, |number| if number == 20 { 1e6 } else { 1e-3 });
        }
        let before = belief.marked();
        for _ in 0..30 {
            belief.advance(60.0 * FRAME);
            belief.weigh(50.0 * FRAME, 1e-3);
            belief.settle(0.0, None);
        }
        assert!(belief.expects(20.0 * FRAME) > 0.5, "{}", belief.expects(20.0 * FRAME));
        assert!(belief.marked() > before - 0.05, "{} of {before}", belief.marked());
    }

    #[test]
    fn any_time_is_taken() {
        let mut belief = Belief::new();
        for late in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e9, 0.5] {
            belief.advance(late);
            belief.weigh(late, 1e12);
            belief.settle(0.1, None);
            assert!((0.0..=1.0).contains(&belief.marked()), "{late}: {}", belief.marked());
            assert!((0.0..=1.01).contains(&belief.expects(late)), "{late}: {}", belief.expects(late));
        }
    }
}
