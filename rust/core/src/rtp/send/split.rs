//! What each encoder may have of the rate.

/// Rates, in bit/s, between which sound goes from its least to its most.
const AUDIO_BETWEEN: (f64, f64) = (200_000.0, 600_000.0);
/// Opus is good from the first on, and not audibly better beyond the second (speech and music in stereo).
const AUDIO: (f64, f64) = (24_000.0, 64_000.0);
/// Headers of 50 packets a second.
const AUDIO_HEADERS: f64 = 14_000.0;
/// What is left of a full packet without its header.
const PAYLOAD: f64 = 0.97;
/// What pictures have of their share where each packet is sent twice: one is now and then larger than the rate.
const COPIED: f64 = 0.45;
/// Pictures are never asked to take less than this.
const LEAST_VIDEO: f64 = 20_000.0;

/// What is to be shared out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shares {
    /// Bit/s for everything.
    pub target: u64,
    /// Streams of sound that are sent.
    pub audios: usize,
    /// Streams of pictures that are encoded here.
    pub videos: usize,
    /// Bit/s that repair takes.
    pub repair: f64,
    /// Bit/s down to which pictures give more than half of theirs to copies.
    pub copies_above: Option<f64>,
}

impl Shares {
    /// Bit/s for a stream of sound. Sound has priority: it gives way a little, and late.
    #[must_use]
    pub fn audio(&self) -> u64 {
        let (low, high) = AUDIO_BETWEEN;
        let place = ((self.target as f64 - low) / (high - low)).clamp(0.0, 1.0);
        (AUDIO.0 + place * (AUDIO.1 - AUDIO.0)) as u64
    }

    /// Bit/s for a stream of pictures: what sound, repair and headers leave of it.
    #[must_use]
    pub fn video(&self) -> u64 {
        let target = self.target as f64;
        let sound = self.audios as f64 * (self.audio() as f64 + AUDIO_HEADERS);
        let left = (target - sound - self.repair) * PAYLOAD;
        let left = self.copies_above.map_or(left, |above| beside_copies(left, above));
        left.max(LEAST_VIDEO.max(0.1 * target)) as u64 / self.videos.max(1) as u64
    }
}

/// What is left of a rate for pictures that are sent twice as far as they keep more than `above`.
pub fn beside_copies(rate: f64, above: f64) -> f64 {
    rate.min(above.max(rate * COPIED))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Shares =
        Shares { target: 2_000_000, audios: 1, videos: 1, repair: 0.0, copies_above: None };

    #[test]
    fn sound_gives_way_late_and_pictures_get_the_rest() {
        let audio = |target| Shares { target, ..PLENTY }.audio();
        assert_eq!([100_000, 200_000, 400_000, 600_000].map(audio), [24_000, 24_000, 44_000, 64_000]);
        assert!((1_860_000..1_870_000).contains(&PLENTY.video()), "{}", PLENTY.video());
        assert!(Shares { audios: 0, ..PLENTY }.video() > 1_900_000);
        assert_eq!(Shares { target: 50_000, ..PLENTY }.video(), 20_000);
    }

    #[test]
    fn copies_take_half_of_what_is_more_than_enough() {
        let video = |target| Shares { target, copies_above: Some(800e3), ..PLENTY }.video();
        assert_eq!(video(2_000_000), (PLENTY.video() as f64 * COPIED) as u64);
        assert_eq!(video(1_200_000), 800_000);
        assert_eq!(video(600_000), Shares { target: 600_000, ..PLENTY }.video());
    }

    #[test]
    fn repair_comes_out_of_the_pictures_share() {
        let repaired = Shares { repair: 200_000.0, ..PLENTY };
        assert!(PLENTY.video() - repaired.video() >= 190_000);
        assert_eq!(Shares { videos: 2, ..PLENTY }.video(), PLENTY.video() / 2);
    }
}
