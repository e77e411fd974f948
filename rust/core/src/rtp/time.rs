//! The time, as it is passed in.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Microseconds of a monotonic clock. Where it starts is the caller's choice, and the same for all of one endpoint.
///
/// Arithmetic saturates: a clock that is fed backwards gives spans of zero, never a panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Where the clock starts.
    pub const ZERO: Self = Self(0);

    /// So many microseconds after the start.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The time as RTCP has it: NTP's format, 32 bits of seconds and 32 of a fraction. Only differences mean
    /// something, which is all that receivers use for synchronisation (RFC 3550 section 4 asks for no more).
    #[must_use]
    pub const fn ntp(self) -> u64 {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        (seconds << 32) | ((micros << 32) / 1_000_000)
    }

    /// The middle 32 bits of [`ntp`](Self::ntp): units of 1/65536 s that wrap after 18 hours.
    #[must_use]
    pub const fn compact_ntp(self) -> u32 {
        (self.ntp() >> 16) as u32
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let (early, late) = (Time::from_micros(1_000), Time::from_micros(3_500));
        assert_eq!(late - early, Duration::from_micros(2_500));
        assert_eq!(early - late, Duration::ZERO);
        assert_eq!(early + Duration::from_millis(1), Time::from_micros(2_000));
        assert_eq!(early - Duration::from_millis(2), Time::ZERO);
        assert_eq!(late + Duration::MAX, Time::from_micros(u64::MAX));
    }

    #[test]
    fn ntp_has_seconds_above_and_a_fraction_below() {
        let time = Time::from_micros(5_250_000);
        assert_eq!(time.ntp(), 5 << 32 | 1 << 30);
        assert_eq!(time.compact_ntp(), 5 << 16 | 1 << 14);
        // Seconds beyond 32 bits wrap rather than disturb the fraction.
        assert_eq!(Time::from_micros(u64::MAX).ntp() as u32, ((551_615_u64 << 32) / 1_000_000) as u32);
    }
}
