//! Packets sent together, and how their arrival was spread or squeezed.

use crate::rtp::time::Time;
use std::time::Duration;

/// Packets sent within this span count as sent at once: their spacing is the sender's timer, not the path.
const BURST: Duration = Duration::from_millis(5);

/// Packets that arrive within [`BURST`] of each other, though sent further apart, were held up together and let go at
/// once (Wi-Fi does so). They are one group, up to this span: otherwise they would look like a queue that drains.
const LONGEST_BURST: Duration = Duration::from_millis(100);

/// From one group of packets to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variation {
    /// Milliseconds between the sending of their last packets.
    pub sent_apart: f64,
    /// Milliseconds between the arrival of their last packets.
    pub arrived_apart: f64,
    /// When the later group was complete, on the far clock.
    pub arrived: Time,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: Time,
    last_sent: Time,
    first_arrived: Time,
    last_arrived: Time,
}

/// Gathers packets into groups.
#[derive(Debug, Default)]
pub struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
}

impl Groups {
    /// Takes a packet, in order of arrival. Returns how the last two groups before it lay if it begins a new one.
    /// A packet that overtook others is left out, because it says nothing about the queue.
    pub fn push(&mut self, sent: Time, arrived: Time) -> Option<Variation> {
        let begun =
            Group { first_sent: sent, last_sent: sent, first_arrived: arrived, last_arrived: arrived };
        let Some(group) = &mut self.current else {
            self.current = Some(begun);
            return None;
        };
        if sent < group.first_sent {
            return None;
        }
        if group.takes(sent, arrived) {
            group.last_sent = group.last_sent.max(sent);
            group.last_arrived = group.last_arrived.max(arrived);
            return None;
        }
        let complete = *group;
        let variation = self.previous.map(|previous| Variation {
            sent_apart: millis(complete.last_sent - previous.last_sent),
            arrived_apart: signed_millis(complete.last_arrived, previous.last_arrived),
            arrived: complete.last_arrived,
        });
        self.previous = Some(complete);
        self.current = Some(begun);
        variation
    }
}

impl Group {
    fn takes(&self, sent: Time, arrived: Time) -> bool {
        if sent - self.first_sent <= BURST {
            return true;
        }
        let sent_apart = sent - self.last_sent;
        let arrived_apart = arrived - self.last_arrived;
        arrived_apart < sent_apart && arrived_apart <= BURST && arrived - self.first_arrived < LONGEST_BURST
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

fn signed_millis(later: Time, earlier: Time) -> f64 {
    (later.micros() as f64 - earlier.micros() as f64) / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    #[test]
    fn a_group_is_measured_from_its_last_packet_to_the_last_of_the_one_before() {
        let mut groups = Groups::default();
        for (sent, arrived) in [(0, 100), (3, 110), (20, 130), (24, 150)] {
            assert_eq!(groups.push(at(sent), at(arrived)), None);
        }
        let variation = groups.push(at(50), at(180)).expect("a third group begins");
        assert_eq!(variation, Variation { sent_apart: 21.0, arrived_apart: 40.0, arrived: at(150) });
    }

    #[test]
    fn packets_let_go_at_once_are_one_group() {
        let mut groups = Groups::default();
        groups.push(at(0), at(100));
        groups.push(at(20), at(160));
        // Held up with the one before, and arriving right behind it.
        assert!(groups.push(at(40), at(161)).is_none());
        let variation = groups.push(at(60), at(180)).expect("a group begins");
        assert_eq!((variation.sent_apart, variation.arrived_apart), (40.0, 61.0));
    }

    #[test]
    fn what_overtook_is_left_out() {
        let mut groups = Groups::default();
        groups.push(at(0), at(100));
        groups.push(at(20), at(120));
        assert_eq!(groups.push(at(10), at(125)), None);
        let variation = groups.push(at(40), at(140)).expect("a group begins");
        assert_eq!((variation.sent_apart, variation.arrived_apart), (20.0, 20.0));
    }
}
