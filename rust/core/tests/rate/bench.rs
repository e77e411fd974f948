//! Senders with encoders, over one bottleneck that they share, in steps of a millisecond.

use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::config::Rates;
use realtime_fast_core::rtp::link::{Conditions, Link, Schedule};
use realtime_fast_core::rtp::random::Random;
use realtime_fast_core::rtp::rate::{Controller, ControllerTuning};
use realtime_fast_core::rtp::send::{Class, Pacer, Turn};
use realtime_fast_core::rtp::wire::feedback::{FeedbackNames, write_feedback};
use realtime_fast_core::rtp::wire::rtcp::{Rtcp, packets};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// Each way, as in the networks of the table.
const DELAY: u64 = 40;
/// Between feedback messages.
const FEEDBACK: u64 = 50;

fn at(millis: u64) -> Time {
    Time::from_micros(millis * 1_000)
}

/// A path of so many kbit/s from each of these seconds on.
pub fn path(base: Conditions, rates: &[(u64, u64)]) -> Link<Packet> {
    let conditions =
        |kbits: u64| Conditions { rate: Some(kbits * 1_000), delay: Duration::from_millis(DELAY), ..base };
    let changes =
        rates[1..].iter().map(|&(second, kbits)| (Duration::from_secs(second), conditions(kbits))).collect();
    let schedule = Schedule::new(conditions(rates[0].1), changes).expect("a schedule");
    Link::new(5, schedule, Time::ZERO)
}

#[derive(Clone, Copy)]
pub struct Packet {
    flow: usize,
    bytes: usize,
    number: u64,
    /// Last of a picture begun at this time.
    picture: Option<u64>,
}

/// A sender with its encoder, and the far side's feedback.
pub struct Flow {
    controller: Controller,
    pacer: Pacer<Packet>,
    random: Random,
    /// When it begins, in ms.
    begins: u64,
    /// What its encoder makes of the rate at most.
    pub share: f64,
    /// Bytes by which the encoder was above its rate.
    debt: f64,
    pictures: u64,
    sent: u64,
    /// What the far side has to tell of, and from where on.
    arrivals: Vec<(u64, Time)>,
    base: u64,
    back: VecDeque<(u64, Vec<u8>)>,
    report: Report,
}

/// What happened in a tenth of a second.
#[derive(Clone, Copy, Default)]
struct Tenth {
    target: f64,
    received: f64,
    dropped: u64,
    pictures: u64,
    skipped: u64,
    latency: f64,
    padding: f64,
    probes: u64,
}

/// What happened to a flow.
#[derive(Clone, Default)]
pub struct Report {
    tenths: Vec<Tenth>,
    shown: Vec<u64>,
}

impl Report {
    fn at(&mut self, now: u64) -> &mut Tenth {
        let index = (now / 100) as usize;
        if self.tenths.len() <= index {
            self.tenths.resize(index + 1, Tenth::default());
        }
        &mut self.tenths[index]
    }

    fn over(&self, from: u64, to: u64) -> &[Tenth] {
        &self.tenths[from as usize * 10..(to as usize * 10).min(self.tenths.len())]
    }

    /// Bit/s received from one second to another.
    pub fn received(&self, from: u64, to: u64) -> f64 {
        self.over(from, to).iter().map(|tenth| tenth.received).sum::<f64>() / (to - from) as f64
    }

    /// Packets dropped by the full queue, or lost.
    pub fn dropped(&self, from: u64, to: u64) -> u64 {
        self.over(from, to).iter().map(|tenth| tenth.dropped).sum()
    }

    /// Bit/s of padding.
    pub fn padding(&self, from: u64, to: u64) -> f64 {
        self.over(from, to).iter().map(|tenth| tenth.padding).sum::<f64>() / (to - from) as f64
    }

    /// The latency, in ms, from encoder to far side, that this share of the tenths of seconds stay below.
    pub fn latency(&self, share: f64, from: u64, to: u64) -> f64 {
        let mut all: Vec<f64> =
            self.over(from, to).iter().map(|tenth| tenth.latency).filter(|&ms| ms > 0.0).collect();
        all.sort_by(f64::total_cmp);
        all[((all.len() as f64 * share) as usize).min(all.len() - 1)]
    }

    /// The longest time between pictures, in ms.
    pub fn gap(&self, from: u64, to: u64) -> u64 {
        let shown: Vec<_> =
            self.shown.iter().filter(|&&ms| (from * 1_000..to * 1_000).contains(&ms)).collect();
        shown.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(u64::MAX)
    }
}

/// A line for each second, for tests that fail.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  s  target received   lost  fps  skip  latency probes")?;
        for (second, tenths) in self.tenths.chunks(10).enumerate() {
            let sum = |figure: fn(&Tenth) -> f64| tenths.iter().map(figure).sum::<f64>();
            writeln!(
                f,
                "{second:3} {:7.0} {:8.0} {:6} {:4} {:5} {:8.0} {:6}",
                sum(|tenth| tenth.target) / tenths.len() as f64 / 1e3,
                sum(|tenth| tenth.received) / 1e3,
                sum(|tenth| tenth.dropped as f64),
                sum(|tenth| tenth.pictures as f64),
                sum(|tenth| tenth.skipped as f64),
                tenths.iter().map(|tenth| tenth.latency).fold(0.0, f64::max),
                sum(|tenth| tenth.probes as f64),
            )?;
        }
        Ok(())
    }
}

impl Flow {
    /// One that begins at a second.
    pub fn starting(seed: u64, second: u64) -> Self {
        let rates = Rates { max: 2_500_000, ..Rates::default() };
        Self {
            controller: Controller::new(ControllerTuning::default(), rates),
            pacer: Pacer::new(rates.start),
            random: Random::new(seed),
            begins: second * 1_000,
            share: 1.0,
            debt: 0.0,
            pictures: 0,
            sent: 0,
            arrivals: Vec::new(),
            base: 0,
            back: VecDeque::new(),
            report: Report::default(),
        }
    }

    fn step(&mut self, flow: usize, link: &mut Link<Packet>, now: u64) {
        let Some(elapsed) = now.checked_sub(self.begins) else { return };
        while self.back.front().is_some_and(|&(when, _)| when <= now) {
            let (_, bytes) = self.back.pop_front().expect("there");
            for packet in packets(&bytes) {
                if let Ok(Rtcp::TransportFeedback(feedback)) = packet {
                    self.controller.feedback(feedback, at(now));
                }
            }
        }
        let target = self.controller.target() as f64;
        let audio: usize = if target < 400_000.0 { 90 } else { 190 };
        if elapsed % 20 == 0 {
            self.push(Class::Audio, Packet { flow, bytes: audio, number: 0, picture: None }, now);
        }
        if elapsed % 40 == 0 {
            self.picture(flow, target - audio as f64 * 400.0, now);
        }
        self.pacer.set_pace(self.controller.pace(at(now)), Duration::ZERO);
        if let Some(probe) = self.controller.next_probe(at(now)) {
            self.pacer.probe(probe);
            self.report.at(now).probes += 1;
        }
        while let Some(turn) = self.pacer.next(at(now)) {
            let (packet, probe) = match turn {
                Turn::Packet { key, probe, .. } => (key, probe),
                Turn::Padding { bytes, probe } => {
                    self.report.at(now).padding += bytes as f64 * 8.0;
                    (Packet { flow, bytes, number: 0, picture: None }, Some(probe))
                }
            };
            self.controller.sent(packet.bytes, probe, at(now));
            let kept = link.push(at(now), packet.bytes, Packet { number: self.sent, ..packet });
            self.sent += 1;
            self.report.at(now).dropped += u64::from(!kept);
        }
        if elapsed % FEEDBACK == FEEDBACK - 1 {
            self.answer(now);
        }
        self.report.at(now).target = target;
    }

    fn push(&mut self, class: Class, packet: Packet, now: u64) {
        self.pacer.push(class, packet, packet.bytes, at(now));
    }

    /// Encodes a picture for a rate, unless those before it have not left.
    fn picture(&mut self, flow: usize, rate: f64, now: u64) {
        if self.pacer.wait() > Duration::from_millis(80) {
            self.report.at(now).skipped += 1;
            return;
        }
        let even = (rate * self.share).max(20e3) / 25.0 / 8.0;
        let noise = 0.7 + 0.6 * self.random.unit();
        let key = if self.pictures == 0 { 5.0 } else { 1.0 };
        let size = (even * noise * key - self.debt / 5.0).max(even * 0.3);
        self.debt = (self.debt + size - even).clamp(-5.0 * even, 20.0 * even);
        self.pictures += 1;
        let count = (size / 1_150.0).ceil() as usize;
        for n in 0..count {
            let picture = (n + 1 == count).then_some(now);
            let bytes = (size / count as f64) as usize + 40;
            self.push(Class::Video, Packet { flow, bytes, number: 0, picture }, now);
        }
    }

    fn arrive(&mut self, packet: Packet, now: u64) {
        // Another clock than the sender's.
        self.arrivals.push((packet.number, Time::from_micros((now + 12_345) * 1_000)));
        let tenth = self.report.at(now);
        tenth.received += packet.bytes as f64 * 8.0;
        if let Some(begun) = packet.picture {
            tenth.pictures += 1;
            tenth.latency = tenth.latency.max((now - begun) as f64);
            self.report.shown.push(now);
        }
    }

    fn answer(&mut self, now: u64) {
        self.arrivals.sort_by_key(|&(number, _)| number);
        let Some(&(last, _)) = self.arrivals.last() else { return };
        let mut bytes = Vec::new();
        write_feedback(FeedbackNames::default(), self.base, &self.arrivals, &mut bytes);
        self.base = last + 1;
        self.arrivals.clear();
        self.back.push_back((now + DELAY, bytes));
    }
}

/// Runs flows over a path for so many seconds.
pub fn run(mut link: Link<Packet>, mut flows: Vec<Flow>, seconds: u64) -> Vec<Report> {
    for now in 0..seconds * 1_000 {
        for (index, flow) in flows.iter_mut().enumerate() {
            flow.step(index, &mut link, now);
        }
        while let Some(packet) = link.pop(at(now)) {
            flows[packet.flow].arrive(packet, now);
        }
    }
    flows.into_iter().map(|flow| flow.report).collect()
}
