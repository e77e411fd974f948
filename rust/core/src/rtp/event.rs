//! What an endpoint has to say.

use super::config::Codec;
use super::time::Time;
use super::trailer::Trailer;

/// Names an outgoing stream of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SenderId(pub u32);

/// Names an incoming stream of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiverId(pub u32);

/// Something that happened, in the order in which it did.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A picture is due to be decoded.
    Picture {
        /// The stream it belongs to.
        receiver: ReceiverId,
        /// The picture.
        picture: Picture,
    },
    /// A packet of sound is due to be decoded, or is known to be missing.
    Sound {
        /// The stream it belongs to.
        receiver: ReceiverId,
        /// The sound.
        sound: Sound,
    },
    /// A packet came, for a forwarder ([`super::config::Deliver::Packets`]).
    Packet {
        /// The stream it belongs to.
        receiver: ReceiverId,
        /// The packet.
        packet: ForwardedPacket,
    },
    /// The far side said that a stream has ended (BYE).
    Ended {
        /// The stream.
        receiver: ReceiverId,
    },
    /// The far side needs a key frame of what is sent; already limited in rate.
    KeyFrameWanted {
        /// The stream.
        sender: SenderId,
    },
    /// What an encoder should aim at has changed, or what a publisher whose packets are forwarded may send.
    Rate {
        /// The stream that it encodes, or that its packets leave by.
        sender: SenderId,
        /// Bit/s: for an encoder of media, without headers and repair; for a publisher of everything it sends.
        bitrate: u64,
    },
}

/// A picture as its encoder made it: H.264 with start codes (Annex B), or a VP8 frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it is encoded with.
    pub codec: Codec,
    /// The encoded bytes, without a trailer.
    pub data: Vec<u8>,
    /// What it said of itself in its trailer, if it had one.
    pub trailer: Option<Trailer>,
    /// RTP timestamp, unwrapped: goes on where the 32 bits of the wire begin again.
    pub timestamp: u64,
    /// It refers to no other picture.
    pub key: bool,
    /// When the first of its packets came.
    pub first_arrival: Time,
    /// When nothing of it was missing any more.
    pub complete: Time,
    /// It follows the picture before it: none between was lost.
    pub contiguous: bool,
}

/// A packet's worth of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// What it is encoded with.
    pub codec: Codec,
    /// The encoded bytes; `None` where the packet is missing and will not come any more. A decoder conceals it,
    /// or takes it from the forward error correction within the next one.
    pub data: Option<Vec<u8>>,
    /// RTP timestamp, unwrapped; interpolated where the packet is missing.
    pub timestamp: u64,
    /// When it came; when it was given up where it is missing.
    pub arrival: Time,
}

/// A packet on its way through a forwarder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedPacket {
    /// What it is encoded with.
    pub codec: Codec,
    /// The SSRC it came with: another one begins another numbering. They are random, and differ between transports.
    pub ssrc: u32,
    /// Its sequence number, unwrapped.
    pub sequence: u64,
    /// RTP timestamp, unwrapped.
    pub timestamp: u64,
    /// Last of its picture, or first after a silence.
    pub marker: bool,
    /// It begins a picture that refers to no other.
    pub key: bool,
    /// The payload; empty for a packet of nothing but padding.
    pub payload: Vec<u8>,
    /// When it came.
    pub arrival: Time,
}

/// What is known of a picture or packet of sound that is to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MediaInfo {
    /// It refers to no other.
    pub key: bool,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
    /// Quantiser that the encoder used, in the codec's own scale, where it tells.
    pub quantizer: Option<f32>,
    /// How long encoding took.
    pub encode_time: std::time::Duration,
    /// What it says of itself; sent where the far side takes it off again.
    pub trailer: Option<Trailer>,
}
