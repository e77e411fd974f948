//! Pairs of endpoints over a shared network, on a clock that only the simulation moves.

use super::encoder::Encoder;
use super::player::{Player, View};
use super::tcp::{ACKNOWLEDGEMENT, Download, SEGMENT, Tcp};
use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::config::{
    Codec, Deliver, Feedback, Kind, Rates, ReceiveCodec, ReceiveConfig, Rtx, SendConfig,
};
use realtime_fast_core::rtp::endpoint::Endpoint;
use realtime_fast_core::rtp::event::{Event, MediaInfo, ReceiverId, SenderId};
use realtime_fast_core::rtp::link::{Figures, Link, Schedule};
use realtime_fast_core::rtp::random::Random;
use realtime_fast_core::rtp::receive::Tuning;
use realtime_fast_core::rtp::send::SendTuning;
use realtime_fast_core::rtp::wire::ExtensionIds;
use std::time::Duration;

/// What SRTP, UDP and IP add to a datagram.
const OVERHEAD: usize = 10 + 8 + 20;
/// Timers fire this late at most.
const TIMER: u64 = 2_000;

/// How a pair of endpoints is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub rates: Rates,
    pub feedback: Feedback,
    pub audio: bool,
    /// When it begins to send.
    pub start: Duration,
    /// From when to when it sends nothing.
    pub pause: Option<(Duration, Duration)>,
    /// What the pair's path adds to the shared one, each way.
    pub delay: Duration,
    pub tuning: Tuning,
    pub send: SendTuning,
    pub max_delay: Duration,
    /// Pictures go down, and what is said about them up.
    pub reverse: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            rates: Rates { max: 2_500_000, ..Rates::default() },
            feedback: Feedback {
                nack: true,
                pli: true,
                fir: true,
                remb: true,
                transport_cc: true,
                reduced_size: true,
            },
            audio: true,
            start: Duration::ZERO,
            pause: None,
            delay: Duration::ZERO,
            tuning: Tuning::default(),
            send: SendTuning::default(),
            max_delay: Duration::ZERO,
            reverse: false,
        }
    }
}

/// One endpoint that sends and one that receives.
#[derive(Debug)]
pub struct Pair {
    pub near: Endpoint,
    pub far: Endpoint,
    pub video: SenderId,
    pub audio: Option<SenderId>,
    pub picture: ReceiverId,
    pub encoder: Encoder,
    pub player: Player,
    setup: Setup,
    pause: Option<(Time, Time)>,
    audio_bitrate: u64,
    next_sound: Time,
    /// What the sender aimed at: time and bit/s.
    pub targets: Vec<(Time, u64)>,
    pub key_frames_wanted: u32,
    /// The longest that packets waited to be sent.
    pub worst_wait: Duration,
}

/// What is on its way.
#[derive(Clone, Debug)]
enum Packet {
    /// A datagram of a pair.
    Media(usize, Vec<u8>),
    /// A segment of a download, or its acknowledgement.
    Download(usize, u64),
}

/// Decides on the fate of a datagram of the first pair: the time, whether it goes up, and its bytes. `true` loses it.
type Lose = Box<dyn FnMut(Time, bool, &[u8]) -> bool>;

/// Everything.
pub struct World {
    pub now: Time,
    pub pairs: Vec<Pair>,
    pub downloads: Vec<Tcp>,
    up: Link<Packet>,
    down: Link<Packet>,
    /// Datagrams that are past the shared path: when they arrive, and whether they went up.
    beyond: Vec<(Time, bool, Packet)>,
    pub lose: Option<Lose>,
    random: Random,
    start: Time,
}

impl World {
    /// Pairs on a network with these two directions.
    pub fn new(seed: u64, up: Schedule, down: Schedule, setups: &[Setup]) -> Self {
        let start = Time::from_micros(5_000_000_000);
        let mut random = Random::new(seed);
        Self {
            now: start,
            up: Link::new(random.bits(), up, start),
            down: Link::new(random.bits(), down, start),
            pairs: setups.iter().map(|setup| Pair::new(*setup, &mut random, start)).collect(),
            downloads: Vec::new(),
            beyond: Vec::new(),
            lose: None,
            random,
            start,
        }
    }

    /// Adds a download, which goes up.
    pub fn download(&mut self, download: Download) {
        self.downloads.push(Tcp::new(download, self.start));
    }

    /// The time so many seconds after the start.
    pub fn at(&self, seconds: f64) -> Time {
        self.start + Duration::from_secs_f64(seconds)
    }

    /// What the first pair's player saw between two seconds.
    pub fn view(&self, from: f64, to: f64) -> View {
        self.view_of(0, from, to)
    }

    /// What a pair's player saw between two seconds.
    pub fn view_of(&self, pair: usize, from: f64, to: f64) -> View {
        self.pairs[pair].player.view(self.at(from), self.at(to))
    }

    /// What became of the datagrams that went up.
    pub fn figures(&self) -> Figures {
        self.up.figures()
    }

    /// Lets time pass.
    pub fn run(&mut self, seconds: f64) {
        let end = self.at(seconds);
        let mut turns = 0;
        while let Some(next) = self.deadline().filter(|&next| next <= end) {
            turns = if next > self.now { 0 } else { turns + 1 };
            assert!(turns < 10_000, "the clock stands at {:?}", self.now);
            self.now = next.max(self.now);
            self.step();
        }
        self.now = end;
    }

    fn deadline(&self) -> Option<Time> {
        let links = [self.up.deadline(), self.down.deadline()].into_iter().flatten();
        let beyond = self.beyond.iter().map(|&(at, ..)| at);
        let downloads = self.downloads.iter().filter_map(Tcp::deadline);
        let pairs = self.pairs.iter().flat_map(|pair| pair.deadlines(self.now));
        links.chain(beyond).chain(downloads).chain(pairs).min()
    }

    fn step(&mut self) {
        let now = self.now;
        for (link, up) in [(&mut self.up, true), (&mut self.down, false)] {
            while let Some(packet) = link.pop(now) {
                let delay = match packet {
                    Packet::Media(pair, _) => self.pairs[pair].setup.delay,
                    Packet::Download(..) => Duration::ZERO,
                };
                self.beyond.push((now + delay, up, packet));
            }
        }
        let (due, later): (Vec<_>, Vec<_>) = self.beyond.drain(..).partition(|&(at, ..)| at <= now);
        self.beyond = later;
        for (_, up, packet) in due {
            match packet {
                Packet::Media(index, bytes) => {
                    let pair = &mut self.pairs[index];
                    let endpoint = if up == pair.setup.reverse { &mut pair.near } else { &mut pair.far };
                    endpoint.receive(&bytes, now);
                    endpoint.tick(now);
                }
                Packet::Download(..) if up => {
                    self.down.push(now, ACKNOWLEDGEMENT, packet);
                }
                Packet::Download(index, segment) => self.downloads[index].acknowledge(segment, now),
            }
        }
        for (index, download) in self.downloads.iter_mut().enumerate() {
            while let Some(segment) = download.send(now) {
                self.up.push(now, SEGMENT, Packet::Download(index, segment));
            }
        }
        for (index, pair) in self.pairs.iter_mut().enumerate() {
            pair.step(now, &mut self.random);
            let reverse = pair.setup.reverse;
            for (endpoint, up) in [(&mut pair.near, !reverse), (&mut pair.far, reverse)] {
                let link = if up { &mut self.up } else { &mut self.down };
                while let Some(bytes) = endpoint.next_datagram(now) {
                    if self.lose.as_mut().is_none_or(|lose| index > 0 || !lose(now, up, &bytes)) {
                        link.push(now, bytes.len() + OVERHEAD, Packet::Media(index, bytes));
                    }
                }
            }
        }
    }
}

impl Pair {
    fn new(setup: Setup, random: &mut Random, start: Time) -> Self {
        let begin = start + setup.start;
        let extensions = ExtensionIds {
            mid: Some(1),
            abs_send_time: Some(3),
            transport_cc: Some(4).filter(|_| setup.feedback.transport_cc),
            ..ExtensionIds::default()
        };
        let mut endpoint = || {
            Endpoint::tuned(random.bits(), setup.rates, setup.tuning, setup.send, begin)
                .expect("rates in order")
        };
        let (mut near, mut far) = (endpoint(), endpoint());
        let mut add = |codec: Codec, payload_type, clock_rate, ssrc, mid: &str| {
            let video = codec.kind() == Kind::Video;
            let Feedback { nack, pli, fir, .. } = setup.feedback;
            let feedback =
                Feedback { nack: nack && video, pli: pli && video, fir: fir && video, ..setup.feedback };
            let sender = SendConfig {
                codec,
                payload_type,
                clock_rate,
                ssrc,
                rtx: Some(Rtx { payload_type: payload_type + 1, ssrc: ssrc + 1 }).filter(|_| video),
                cname: "near".into(),
                mid: mid.into(),
                extensions,
                feedback,
                trailers: false,
            };
            let rtx_payload_type = sender.rtx.map(|rtx| rtx.payload_type);
            let receiver = ReceiveConfig {
                kind: codec.kind(),
                codecs: vec![ReceiveCodec { payload_type, codec, clock_rate, rtx_payload_type }],
                ssrc: Some(ssrc),
                rtx_ssrc: sender.rtx.map(|rtx| rtx.ssrc),
                own_ssrc: ssrc + 1000,
                cname: "far".into(),
                mid: mid.into(),
                sync_group: "camera".into(),
                extensions,
                feedback,
                deliver: Deliver::Media,
                min_delay: Duration::ZERO,
                max_delay: setup.max_delay,
            };
            let sender = near.add_sender(sender).expect("a good configuration");
            (sender, far.add_receiver(receiver).expect("a good configuration"))
        };
        let (video, picture) = add(Codec::Vp8, 96, 90_000, 10, "0");
        let audio = setup.audio.then(|| add(Codec::Opus, 111, 48_000, 20, "1").0);
        Self {
            near,
            far,
            video,
            audio,
            picture,
            encoder: Encoder::new(random.bits(), begin),
            player: Player::default(),
            pause: setup.pause.map(|(from, to)| (start + from, start + to)),
            setup,
            audio_bitrate: 64_000,
            next_sound: begin,
            targets: Vec::new(),
            key_frames_wanted: 0,
            worst_wait: Duration::ZERO,
        }
    }

    fn deadlines(&self, now: Time) -> impl Iterator<Item = Time> {
        let late = move |at: Time| if at <= now { now } else { at + Duration::from_micros(TIMER / 2) };
        let endpoints = [&self.near, &self.far].into_iter().filter_map(|endpoint| endpoint.deadline());
        [self.encoder.next, self.next_sound].into_iter().chain(endpoints.map(late))
    }

    fn step(&mut self, now: Time, random: &mut Random) {
        if let Some((_, to)) = self.pause.take_if(|(from, _)| self.encoder.next >= *from) {
            (self.encoder.next, self.next_sound) = (to, to);
        }
        if self.encoder.next <= now {
            if self.near.has_room(self.video) {
                let (picture, timestamp, info) = self.encoder.encode(now);
                self.near.send(self.video, &picture, timestamp, &info, now).expect("it was added");
            } else {
                self.encoder.skip(now);
            }
        }
        if self.next_sound <= now {
            self.next_sound += Duration::from_millis(20);
            if let Some(audio) = self.audio {
                let mut packet = vec![0x78; (self.audio_bitrate / 50 / 8) as usize];
                packet[1] = random.bits() as u8;
                let timestamp = (now.micros() * 6 / 125) as u32;
                self.near.send(audio, &packet, timestamp, &MediaInfo::default(), now).expect("it was added");
            }
        }
        for endpoint in [&mut self.near, &mut self.far] {
            if endpoint.deadline().is_some_and(|due| due <= now) {
                endpoint.tick(now);
            }
        }
        while let Some(event) = self.near.next_event() {
            match event {
                Event::KeyFrameWanted { .. } => {
                    self.encoder.key_wanted = true;
                    self.key_frames_wanted += 1;
                }
                Event::Rate { sender, bitrate } if sender == self.video => {
                    self.encoder.set_bitrate(bitrate, now);
                    self.targets.push((now, bitrate));
                }
                Event::Rate { bitrate, .. } => self.audio_bitrate = bitrate,
                other => panic!("a sender gets no {other:?}"),
            }
        }
        while let Some(event) = self.far.next_event() {
            match event {
                Event::Picture { picture, .. } => self.player.show(&picture, now),
                Event::Sound { sound, .. } => self.player.play(&sound),
                other => panic!("a receiver gets no {other:?}"),
            }
        }
        self.worst_wait = self.worst_wait.max(self.near.transport_stats(now).pacer_delay);
    }
}
