//! Sound and picture in step: the one that is ahead waits.

use std::time::Duration;

/// Nobody notices less than this.
const NOTICED: f64 = 0.030;
/// Streams that are this far apart have clocks that mean nothing.
const MEANINGLESS: f64 = 10.0;
/// The share of what is measured that is corrected at once: reports are not exact.
const SHARE: f64 = 0.25;
/// A correction is no larger than this.
const MAX_STEP: f64 = 0.080;

/// How far a stream is behind, and how much of that was added to keep it in step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Seconds from capture until it is handed out, in the clock of the far side; only differences between streams of
    /// one source mean something.
    pub behind: f64,
    /// What synchronisation adds to it now.
    pub extra: Duration,
}

/// What to add from now on to sound and to pictures, by how far each is behind; to be asked about once a second.
#[must_use]
pub fn align(sound: Position, picture: Position) -> (Duration, Duration) {
    let apart = picture.behind - sound.behind;
    if apart.abs() < NOTICED || apart.abs() > MEANINGLESS {
        return (sound.extra, picture.extra);
    }
    let step = Duration::from_secs_f64((apart.abs() * SHARE).min(MAX_STEP));
    let (ahead, late) = if apart > 0.0 { (sound.extra, picture.extra) } else { (picture.extra, sound.extra) };
    // What was added before is taken back first.
    let back = step.min(late);
    let (ahead, late) = (ahead + (step - back), late - back);
    if apart > 0.0 { (ahead, late) } else { (late, ahead) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a minute of corrections on streams that are this far behind by themselves.
    fn settle(sound: f64, picture: f64) -> (Duration, Duration) {
        let (mut a, mut b) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..60 {
            (a, b) = align(
                Position { behind: sound + a.as_secs_f64(), extra: a },
                Position { behind: picture + b.as_secs_f64(), extra: b },
            );
        }
        (a, b)
    }

    #[test]
    fn the_one_ahead_waits_until_nobody_notices() {
        let (sound, picture) = settle(0.05, 0.35);
        assert!(sound > Duration::from_millis(269) && sound <= Duration::from_millis(300), "{sound:?}");
        assert_eq!(picture, Duration::ZERO);
        let (sound, picture) = settle(0.35, 0.05);
        assert!(picture > Duration::from_millis(269) && picture <= Duration::from_millis(300), "{picture:?}");
        assert_eq!(sound, Duration::ZERO);
    }

    #[test]
    fn what_was_added_is_taken_back_first() {
        let late = Position { behind: 0.5, extra: Duration::from_millis(50) };
        let ahead = Position { behind: 0.1, extra: Duration::ZERO };
        assert_eq!(align(ahead, late), (Duration::from_millis(30), Duration::ZERO));
    }

    #[test]
    fn little_and_absurd_differences_are_left() {
        let at = |behind| Position { behind, extra: Duration::from_millis(7) };
        for (sound, picture) in [(0.0, 0.029), (0.029, 0.0), (0.0, 11.0), (-1e9, 1e9)] {
            assert_eq!(align(at(sound), at(picture)), (Duration::from_millis(7), Duration::from_millis(7)));
        }
    }
}
