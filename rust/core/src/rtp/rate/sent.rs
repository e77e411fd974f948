//! What was sent under which transport-wide number, until its fate is known.

use super::PacketResult;
use crate::rtp::seq::Unwrapper;
use crate::rtp::time::Time;
use crate::rtp::wire::feedback::TransportFeedback;
use std::collections::VecDeque;
use std::time::Duration;

/// A packet that nobody has told of for this long will not be told of.
const FORGET: Duration = Duration::from_secs(5);
/// A packet not seen while others sent so much later were is lost, and not just overtaken.
const OVERTAKEN: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Time,
    bytes: usize,
    probe: Option<u32>,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nobody has told.
    Open,
    /// Told to be missing when others had arrived: lost, or overtaken.
    Missing,
    /// Arrived, lost, or too old to care.
    Settled,
}

/// The packets of a transport, by transport-wide number.
#[derive(Debug, Default)]
pub struct SentLog {
    packets: VecDeque<Sent>,
    /// The number of the first of them.
    first: u64,
    /// When the first packet was sent after the last feedback.
    unanswered: Option<Time>,
    reference: Unwrapper<24>,
}

impl SentLog {
    /// The number of the next packet.
    #[must_use]
    pub fn next_number(&self) -> u16 {
        (self.first + self.packets.len() as u64) as u16
    }

    /// Notes that the next packet leaves.
    pub fn push(&mut self, bytes: usize, probe: Option<u32>, now: Time) {
        while self.packets.front().is_some_and(|oldest| now - oldest.at > FORGET) {
            self.packets.pop_front();
            self.first += 1;
        }
        self.unanswered.get_or_insert(now);
        self.packets.push_back(Sent { at: now, bytes, probe, fate: Fate::Open });
    }

    /// For how long packets have been sent without any feedback.
    #[must_use]
    pub fn silence(&self, now: Time) -> Duration {
        self.unanswered.map_or(Duration::ZERO, |since| now - since)
    }

    /// Takes a feedback message and appends what it says: the packets that arrived in order of arrival, then those
    /// that are lost in order of sending. Packets that no message tells of, because the message itself was lost, are
    /// neither.
    pub fn acknowledge(&mut self, feedback: TransportFeedback<'_>, results: &mut Vec<PacketResult>) {
        let begin = results.len();
        let epoch = self.reference.unwrap(feedback.reference) * TransportFeedback::REFERENCE_MICROS;
        let mut newest = None;
        for (number, arrival) in feedback.packets() {
            let Some(index) = self.index(number) else { continue };
            let sent = &mut self.packets[index];
            match (sent.fate, arrival) {
                (Fate::Open, None) => sent.fate = Fate::Missing,
                (Fate::Open | Fate::Missing, Some(arrival)) => {
                    newest = newest.max(Some((sent.at, index)));
                    sent.fate = Fate::Settled;
                    let arrived = Time::from_micros(epoch.saturating_add_signed(arrival));
                    results.push(sent.result(Some(arrived)));
                }
                _ => {}
            }
        }
        results[begin..].sort_by_key(|result| result.arrived);
        let Some((newest, index)) = newest else { return };
        self.unanswered = self.packets.get(index + 1).map(|next| next.at);
        for sent in self.packets.iter_mut().take(index).filter(|sent| sent.fate == Fate::Missing) {
            if newest - sent.at >= OVERTAKEN {
                sent.fate = Fate::Settled;
                results.push(sent.result(None));
            }
        }
    }

    /// Where the packet of a number is: of the number nearest to the newest, which is not ahead of it.
    fn index(&self, number: u16) -> Option<usize> {
        let newest = (self.first + self.packets.len() as u64).checked_sub(1)?;
        let behind = u64::from((newest as u16).wrapping_sub(number));
        usize::try_from(newest.checked_sub(behind)?.checked_sub(self.first)?).ok()
    }
}

impl Sent {
    const fn result(&self, arrived: Option<Time>) -> PacketResult {
        PacketResult { sent: self.at, bytes: self.bytes, arrived, probe: self.probe }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::wire::feedback::{FeedbackNames, write_feedback};
    use crate::rtp::wire::rtcp::{Rtcp, packets};

    fn at(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    fn acknowledge(log: &mut SentLog, base: u64, arrivals: &[(u64, u64)]) -> Vec<(u64, Option<u64>)> {
        let arrivals: Vec<_> = arrivals.iter().map(|&(number, millis)| (number, at(millis))).collect();
        let mut bytes = Vec::new();
        write_feedback(FeedbackNames::default(), base, &arrivals, &mut bytes);
        let mut results = Vec::new();
        for packet in packets(&bytes) {
            let Ok(Rtcp::TransportFeedback(feedback)) = packet else { panic!("{packet:?}") };
            log.acknowledge(feedback, &mut results);
        }
        let millis = |time: Time| time.micros() / 1_000;
        results.iter().map(|result| (millis(result.sent), result.arrived.map(millis))).collect()
    }

    fn log_of(count: u64) -> SentLog {
        let mut log = SentLog::default();
        (0..count).for_each(|n| log.push(100, None, at(n * 10)));
        log
    }

    /// Arrival times have an origin of their own.
    fn spans(results: &[(u64, Option<u64>)]) -> Vec<(u64, Option<u64>)> {
        let first = results.iter().find_map(|result| result.1).unwrap_or(0);
        results.iter().map(|&(sent, arrived)| (sent, arrived.map(|arrived| arrived - first))).collect()
    }

    #[test]
    fn each_packet_is_told_of_once() {
        let mut log = log_of(8);
        let results = acknowledge(&mut log, 0, &[(0, 1_000), (1, 1_010)]);
        assert_eq!(spans(&results), [(0, Some(0)), (10, Some(10))]);
        let results = acknowledge(&mut log, 0, &[(0, 1_000), (1, 1_010), (2, 1_025)]);
        assert_eq!(spans(&results), [(20, Some(0))]);
    }

    #[test]
    fn what_is_missing_is_lost_once_it_cannot_just_be_overtaken() {
        let mut log = log_of(8);
        let results = acknowledge(&mut log, 0, &[(0, 1_000), (2, 1_020)]);
        assert!(results.iter().all(|result| result.1.is_some()));
        let results = acknowledge(&mut log, 3, &[(3, 1_030), (4, 1_040)]);
        assert_eq!(spans(&results), [(30, Some(0)), (40, Some(10)), (10, None)]);
    }

    #[test]
    fn packets_of_a_lost_message_are_not_lost() {
        let mut log = log_of(8);
        acknowledge(&mut log, 0, &[(0, 1_000), (1, 1_010)]);
        let results = acknowledge(&mut log, 5, &[(5, 1_050), (6, 1_060), (7, 1_070)]);
        assert_eq!(spans(&results), [(50, Some(0)), (60, Some(10)), (70, Some(20))]);
    }

    #[test]
    fn silence_lasts_from_the_first_packet_without_an_answer() {
        let mut log = log_of(3);
        assert_eq!(log.silence(at(25)), Duration::from_millis(25));
        acknowledge(&mut log, 0, &[(0, 1_000), (1, 1_010)]);
        assert_eq!(log.silence(at(100)), Duration::from_millis(80));
        acknowledge(&mut log, 2, &[(2, 1_020)]);
        assert_eq!(log.silence(at(5_000)), Duration::ZERO);
    }

    #[test]
    fn what_came_late_is_not_lost() {
        let mut log = log_of(8);
        acknowledge(&mut log, 0, &[(0, 1_000), (2, 1_020)]);
        let results = acknowledge(&mut log, 1, &[(1, 1_031), (3, 1_030), (4, 1_040)]);
        assert_eq!(spans(&results), [(30, Some(0)), (10, Some(1)), (40, Some(10))]);
    }

    #[test]
    fn numbers_wrap_and_old_packets_are_forgotten() {
        let mut log = SentLog::default();
        for n in 0..70_000_u64 {
            assert_eq!(log.next_number(), n as u16);
            log.push(100, None, at(n * 10));
        }
        assert_eq!(log.packets.len(), 501);
        let results = acknowledge(&mut log, 69_998, &[(69_998, 800_000), (69_999, 800_010)]);
        let sent: Vec<_> = results.iter().map(|result| result.0).collect();
        assert_eq!(sent[..2], [699_980, 699_990]);
    }

    #[test]
    fn numbers_never_sent_are_ignored() {
        let mut log = log_of(3);
        assert_eq!(acknowledge(&mut log, 40_000, &[(40_000, 1_000)]), []);
        assert_eq!(acknowledge(&mut SentLog::default(), 0, &[(0, 1_000)]), []);
    }
}
