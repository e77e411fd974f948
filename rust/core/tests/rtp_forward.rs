//! A forwarder between two endpoints: packets go through without being decoded, repaired on each side by itself.

#![cfg(not(miri))]

mod simulation;

use realtime_fast_core::rtp::Time;
use realtime_fast_core::rtp::config::{
    Codec, Deliver, Feedback, Kind, Rates, ReceiveCodec, ReceiveConfig, Rtx, SendConfig,
};
use realtime_fast_core::rtp::endpoint::Endpoint;
use realtime_fast_core::rtp::event::{Event, MediaInfo, ReceiverId, SenderId};
use realtime_fast_core::rtp::link::{Conditions, Link, Schedule};
use realtime_fast_core::rtp::wire::ExtensionIds;
use simulation::encoder::Encoder;
use simulation::player::{Player, View};
use std::time::Duration;

const FEEDBACK: Feedback =
    Feedback { nack: true, pli: true, fir: true, remb: true, transport_cc: true, reduced_size: true };
const EXTENSIONS: ExtensionIds = ExtensionIds {
    mid: Some(1),
    abs_send_time: Some(3),
    transport_cc: Some(4),
    audio_level: None,
    video_orientation: None,
    playout_delay: None,
    capture_time: None,
};

fn sender(ssrc: u32) -> SendConfig {
    SendConfig {
        codec: Codec::Vp8,
        payload_type: 96,
        clock_rate: 90_000,
        ssrc,
        rtx: Some(Rtx { payload_type: 97, ssrc: ssrc + 1 }),
        cname: "camera".into(),
        mid: "0".into(),
        extensions: EXTENSIONS,
        feedback: FEEDBACK,
        trailers: false,
    }
}

fn receiver(ssrc: u32, deliver: Deliver) -> ReceiveConfig {
    ReceiveConfig {
        kind: Kind::Video,
        codecs: vec![ReceiveCodec {
            payload_type: 96,
            codec: Codec::Vp8,
            clock_rate: 90_000,
            rtx_payload_type: Some(97),
        }],
        ssrc: Some(ssrc),
        rtx_ssrc: Some(ssrc + 1),
        own_ssrc: ssrc + 2,
        cname: "other".into(),
        mid: "0".into(),
        sync_group: String::new(),
        extensions: EXTENSIONS,
        feedback: FEEDBACK,
        deliver,
        min_delay: Duration::ZERO,
        max_delay: Duration::ZERO,
    }
}

/// An endpoint with the links that lead away from it.
struct Node {
    endpoint: Endpoint,
    out: Link<Vec<u8>>,
}

impl Node {
    fn new(seed: u64, conditions: Conditions, now: Time) -> Self {
        let rates = Rates { max: 2_500_000, ..Rates::default() };
        let schedule = Schedule::constant(conditions).expect("within bounds");
        Self {
            endpoint: Endpoint::new(seed, rates, now).expect("rates in order"),
            out: Link::new(seed, schedule, now),
        }
    }

    fn send(&mut self, now: Time) {
        self.endpoint.tick(now);
        while let Some(datagram) = self.endpoint.next_datagram(now) {
            self.out.push(now, datagram.len(), datagram);
        }
    }

    fn deadline(&self) -> Option<Time> {
        [self.endpoint.deadline(), self.out.deadline()].into_iter().flatten().min()
    }
}

/// Two publishers, of whom one is forwarded to a viewer: each has a path of its own to the forwarder.
struct Room {
    now: Time,
    publishers: [(Node, Encoder, SenderId); 2],
    /// The forwarder's side of each path: to the publishers, and to the viewer.
    ingress: [(Node, ReceiverId); 2],
    egress: (Node, SenderId),
    viewer: Node,
    chosen: usize,
    /// The publisher that is forwarded from its next key frame on.
    next: Option<usize>,
    player: Player,
}

const START: Time = Time::from_micros(1_000_000);

impl Room {
    fn new(up: Conditions, down: Conditions) -> Self {
        let publisher = |index: u64| {
            let mut node = Node::new(10 + index, up, START);
            let id = node.endpoint.add_sender(sender(100 + 10 * index as u32)).expect("good");
            // The adaptation of two independent cameras is of no interest here.
            let mut encoder = Encoder::new(index, START);
            (encoder.adaptation, encoder.size) = (None, (640, 352));
            (node, encoder, id)
        };
        let ingress = |index: u64| {
            let mut node = Node::new(20 + index, up, START);
            let id = node
                .endpoint
                .add_receiver(receiver(100 + 10 * index as u32, Deliver::Packets))
                .expect("good");
            (node, id)
        };
        let mut egress = Node::new(30, down, START);
        let out = egress.endpoint.add_sender(sender(200)).expect("good");
        let mut viewer = Node::new(40, down, START);
        viewer.endpoint.add_receiver(receiver(200, Deliver::Media)).expect("good");
        Self {
            now: START,
            publishers: [publisher(0), publisher(1)],
            ingress: [ingress(0), ingress(1)],
            egress: (egress, out),
            viewer,
            chosen: 0,
            next: None,
            player: Player::default(),
        }
    }

    fn run(&mut self, seconds: f64) {
        let end = START + Duration::from_secs_f64(seconds);
        loop {
            let nodes = self
                .publishers
                .iter()
                .map(|(node, ..)| node)
                .chain(self.ingress.iter().map(|(node, _)| node));
            let nodes = nodes.chain([&self.egress.0, &self.viewer]).filter_map(Node::deadline);
            let next = nodes.chain(self.publishers.iter().map(|(_, encoder, _)| encoder.next)).min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            self.now = next.max(self.now);
            self.step();
        }
        self.now = end;
    }

    fn step(&mut self) {
        let now = self.now;
        for index in 0..2 {
            let (publisher, encoder, id) = &mut self.publishers[index];
            let (ingress, _) = &mut self.ingress[index];
            while let Some(datagram) = publisher.out.pop(now) {
                ingress.endpoint.receive(&datagram, now);
            }
            while let Some(datagram) = ingress.out.pop(now) {
                publisher.endpoint.receive(&datagram, now);
            }
            if encoder.next <= now {
                let (picture, timestamp, info) = encoder.encode(now);
                publisher.endpoint.send(*id, &picture, timestamp, &info, now).expect("it was added");
            }
            publisher.send(now);
            while let Some(event) = publisher.endpoint.next_event() {
                match event {
                    Event::Rate { bitrate, .. } => encoder.set_bitrate(bitrate, now),
                    Event::KeyFrameWanted { .. } => encoder.key_wanted = true,
                    other => panic!("{other:?}"),
                }
            }
            ingress.send(now);
            while let Some(event) = ingress.endpoint.next_event() {
                let Event::Packet { packet, .. } = event else { panic!("{event:?}") };
                // What comes before a key frame of another source cannot be decoded.
                if self.next == Some(index) && packet.key {
                    (self.chosen, self.next) = (index, None);
                }
                if index == self.chosen {
                    self.egress.0.endpoint.forward(self.egress.1, &packet, now).expect("it was added");
                }
            }
        }
        while let Some(datagram) = self.egress.0.out.pop(now) {
            self.viewer.endpoint.receive(&datagram, now);
        }
        while let Some(datagram) = self.viewer.out.pop(now) {
            self.egress.0.endpoint.receive(&datagram, now);
        }
        self.egress.0.send(now);
        while let Some(event) = self.egress.0.endpoint.next_event() {
            match event {
                Event::KeyFrameWanted { .. } => self.request_key_frame(),
                Event::Rate { bitrate, .. } => {
                    self.ingress[self.chosen].0.endpoint.limit(Some(bitrate), now);
                }
                other => panic!("{other:?}"),
            }
        }
        self.viewer.send(now);
        while let Some(event) = self.viewer.endpoint.next_event() {
            let Event::Picture { picture, .. } = event else { panic!("{event:?}") };
            self.player.show(&picture, now);
        }
    }

    fn request_key_frame(&mut self) {
        let (ingress, id) = &mut self.ingress[self.next.unwrap_or(self.chosen)];
        ingress.endpoint.request_key_frame(*id, self.now);
    }

    fn choose(&mut self, index: usize) {
        self.next = Some(index);
        self.request_key_frame();
    }

    fn view(&self, from: f64, to: f64) -> View {
        self.player.view(START + Duration::from_secs_f64(from), START + Duration::from_secs_f64(to))
    }
}

fn path(loss: f64) -> Conditions {
    Conditions { delay: Duration::from_millis(20), loss, ..Conditions::default() }
}

#[test]
fn pictures_go_through() {
    let mut room = Room::new(path(0.0), path(0.0));
    room.run(20.0);
    let view = room.view(2.0, 20.0);
    assert_eq!(room.player.broken, 0);
    assert!(view.fps > 24.9 && view.p95 < Duration::from_millis(90), "{view:?}");
    assert!(view.keys <= 1, "{view:?}");
}

#[test]
fn losses_are_repaired_on_the_side_where_they_happen() {
    for (up, down) in [(0.03, 0.0), (0.0, 0.03), (0.03, 0.03)] {
        let mut room = Room::new(path(up), path(down));
        room.run(40.0);
        let view = room.view(5.0, 40.0);
        println!("{up}, {down}: {view:?}");
        assert_eq!(room.player.broken, 0);
        assert!(view.fps > 23.0, "{up}, {down}: {view:?}");
        assert!(view.longest_gap < Duration::from_millis(600), "{up}, {down}: {view:?}");
        let nacks = room.viewer.endpoint.receiver_stats(ReceiverId(0)).map(|stats| stats.nack_count);
        assert_eq!(nacks > Some(0), down > 0.0 || up > 0.0);
    }
}

/// mediasoup#140, pion/webrtc#3292: numbers must go on over a change of the source.
#[test]
fn another_source_takes_over_without_a_gap() {
    let mut room = Room::new(path(0.01), path(0.01));
    for change in 1..10_u32 {
        room.run(f64::from(change) * 4.0);
        room.choose(change as usize % 2);
    }
    room.run(40.0);
    let view = room.view(2.0, 40.0);
    println!("{view:?}");
    assert_eq!(room.player.broken, 0);
    assert!(view.longest_gap < Duration::from_millis(400), "{view:?}");
    assert!(view.fps > 23.0, "{view:?}");
    let stats = room.viewer.endpoint.receiver_stats(ReceiverId(0)).expect("it was added");
    assert_eq!(stats.ssrc, Some(200));
    assert!(stats.packets_lost < 250, "{}", stats.packets_lost);
}

#[test]
fn a_publisher_is_held_to_what_the_viewer_can_take() {
    let mut room = Room::new(path(0.0), Conditions { rate: Some(600_000), ..path(0.0) });
    room.run(30.0);
    let view = room.view(10.0, 29.0);
    println!("{view:?}");
    assert!(view.bitrate < 600_000.0 && view.bitrate > 300_000.0, "{view:?}");
    assert!(view.p95 < Duration::from_millis(250), "{view:?}");
    assert!(view.longest_gap < Duration::from_millis(500), "{view:?}");
}

#[test]
fn a_publisher_learns_of_a_bad_path_at_once() {
    let mut room = Room::new(path(0.0), Conditions { rate: Some(300_000), ..path(0.0) });
    room.run(10.0);
    let view = room.view(2.0, 10.0);
    println!("{view:?}");
    assert!(view.bitrate < 300_000.0 && view.p95 < Duration::from_millis(250), "{view:?}");
    assert!(view.longest_gap < Duration::from_millis(400), "{view:?}");
}

#[test]
fn a_viewer_whose_path_loses_packets_gets_copies() {
    let mut room = Room::new(path(0.0), path(0.05));
    room.run(40.0);
    let view = room.view(15.0, 39.0);
    println!("{view:?}");
    assert!(view.bitrate > 700_000.0 && view.p95 < Duration::from_millis(90), "{view:?}");
}

#[test]
fn media_that_is_unknown_to_the_forwarder_is_refused() {
    let mut node = Node::new(1, path(0.0), START);
    let error =
        node.endpoint.send(SenderId(3), &[1], 0, &MediaInfo::default(), START).expect_err("never added");
    assert_eq!(error.to_string(), "sender: expected one that was added and not removed, got 3");
}
