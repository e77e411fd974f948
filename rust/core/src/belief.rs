//! How late pictures probably are, as frames come in: a probability for every latency.
//!
//! Latency moves slowly, so frames that are too spoilt to be read by themselves still add up: the number that
//! a corner slightly prefers speaks for the latency it would have, and only the true latency is spoken for
//! frame after frame. What is believed then says which number to expect next (a Bayes filter over a histogram;
//! trackers call it "track before detect"). Step edges that look like a marker do not count up, so a still
//! picture convinces nobody.

/// Seconds a bin is wide: a quarter of a frame at 30 frames a second.
const BIN: f64 = 1.0 / 120.0;
/// Two minutes: twice what a probe has to come back.
const MAX_BINS: usize = 1 << 14;
/// How far arrivals stray, in seconds, and how many bins to either side that matters.
const JITTER: f64 = 0.012;
const REACH: usize = 24;
/// The straying of an arrival by bins; its tails are heavy, for frames held up.
const STRAY: [f32; 2 * REACH + 1] = stray();

/// Probability, ahead of all frames, that they are marked at all.
const MARKED: f32 = 0.5;
/// Probabilities per frame: that marking begins or ends, that latency moves by a bin either way, or anywhere.
const CHANGE: f32 = 1e-3;
const DRIFT: f32 = 0.02;
const JUMP: f32 = 1e-4;
/// How likely the picture of an expected number shows nothing of it.
const BLANK: f32 = 0.003;

/// See the module's text.
#[derive(Clone, Debug)]
pub(crate) struct Belief {
    /// Probability of each latency.
    bins: Vec<f32>,
    /// Probability that frames carry no markers.
    unmarked: f32,
    /// Per bin, while a frame is weighed: what speaks for it, and how surely a number was to come.
    spoken: Vec<f32>,
    due: Vec<f32>,
}

impl Belief {
    pub(crate) fn new() -> Self {
        Self { bins: Vec::new(), unmarked: 1.0 - MARKED, spoken: Vec::new(), due: Vec::new() }
    }

    /// Goes on to the next frame, which can be `oldest` seconds late at the most.
    pub(crate) fn advance(&mut self, oldest: f64) {
        let count = ((oldest.max(0.0) / BIN) as usize).saturating_add(REACH + 1).min(MAX_BINS);
        // No frame has spoken about latencies that could not be until now.
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
            for ((spoken, due), stray) in spoken.iter_mut().zip(due).zip(stray) {
                *spoken += stray * ratio;
                *due += stray;
            }
        }
    }

    /// Takes the frame's numbers into account and returns the weight of its having none. `repeat` is the
    /// likelihood ratio of its being the picture before once more, which says nothing about latency.
    pub(crate) fn settle(&mut self, repeat: f32) -> f32 {
        let mut none = self.unmarked;
        let mut total = self.unmarked;
        for ((bin, spoken), due) in self.bins.iter_mut().zip(&self.spoken).zip(&self.due) {
            let blank = (1.0 - due).max(BLANK);
            none += *bin * blank;
            *bin *= blank + (1.0 - BLANK) * spoken + repeat;
            total += *bin;
        }
        self.bins.iter_mut().for_each(|bin| *bin /= total);
        self.unmarked /= total;
        none
    }

    /// Probability that frames are marked.
    pub(crate) fn marked(&self) -> f32 {
        1.0 - self.unmarked
    }

    /// The bins to which an arrival after `latency` seconds can belong, and how likely it strays from each.
    fn around(&self, latency: f64) -> Option<(std::ops::Range<usize>, &'static [f32])> {
        if self.bins.is_empty() || !(latency >= 0.0) {
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
