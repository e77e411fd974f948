//! One sample. Fields, units and formulas are described in `docs/stats.md`.

/// Received video; counters and bitrates are summed over entries, the rest is the largest picture's.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // documented where users see them: realtime_fast.stats
pub struct VideoStats {
    pub frames_decoded: u64,
    pub frames_dropped: u64,
    pub frames_per_second: f64,
    pub frame_width: u64,
    pub frame_height: u64,
    pub bytes_received: u64,
    pub packets_received: u64,
    pub packets_lost: u64,
    pub jitter: f64,
    pub bitrate: u64,
    pub freeze_count: u64,
    pub total_freezes_duration: f64,
    pub packets_lost_delta: u64,
    pub frames_dropped_delta: u64,
    pub freeze_count_delta: u64,
    pub freeze_duration_delta: f64,
    pub nack_count: u64,
    pub nack_count_delta: u64,
    pub fir_count: u64,
    pub pli_count: u64,
    pub frames_received: u64,
    pub avg_inter_frame_delay_ms: f64,
    pub inter_frame_delay_variance_ms: f64,
    pub inter_frame_delay_stddev_ms: f64,
    pub jitter_buffer_target_delay_ms: f64,
    pub jitter_buffer_minimum_delay_ms: f64,
    pub avg_decode_time_ms: f64,
    pub avg_jitter_buffer_ms: f64,
    pub avg_processing_delay_ms: f64,
    pub frames_unread: u64,
}

/// Received audio.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct AudioStats {
    pub bytes_received: u64,
    pub packets_received: u64,
    pub packets_lost: u64,
    pub jitter: f64,
    pub bitrate: u64,
    pub packets_lost_delta: u64,
}

/// Sent video.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct OutboundStats {
    pub quality_limitation_reason: String,
    pub quality_limitation_durations: Vec<(String, f64)>,
    pub bytes_sent: u64,
    pub packets_sent: u64,
    pub frames_per_second: f64,
    pub frame_width: u64,
    pub frame_height: u64,
    pub bitrate: u64,
    pub nack_count: u64,
    pub fir_count: u64,
    pub pli_count: u64,
    pub retransmitted_bytes_sent: u64,
    pub retransmitted_packets_sent: u64,
    pub target_bitrate_kbps: Option<f64>,
    pub avg_packet_send_delay_ms: f64,
    pub avg_encode_time_ms: f64,
}

/// One end of a candidate pair.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Candidate {
    pub address: String,
    pub port: u64,
    pub protocol: String,
    pub candidate_type: String,
}

/// The network path.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct ConnectionStats {
    pub current_round_trip_time: Option<f64>,
    pub available_outgoing_bitrate: Option<f64>,
    /// Local and remote end of each pair in use.
    pub selected_candidate_pairs: Vec<(Candidate, Candidate)>,
}

/// One sample.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct RtcStats {
    pub video: Option<VideoStats>,
    pub audio: Option<AudioStats>,
    pub outbound_video: Option<OutboundStats>,
    pub connection: ConnectionStats,
}

/// Entries of one kind that become one.
pub(super) trait Merge: Sized {
    /// Pixels: where values cannot be summed, the entry with the most counts.
    fn picture(&self) -> u64;

    /// Adds `other`'s counters to these.
    fn absorb(&mut self, other: &Self);
}

/// Merges `entry` into the sum: counters are added, the rest is the larger picture's, the first of equals.
pub(super) fn merge<T: Merge>(sum: &mut Option<(u64, T)>, mut entry: T) {
    let picture = entry.picture();
    match sum {
        None => *sum = Some((picture, entry)),
        Some((largest, kept)) if picture > *largest => {
            entry.absorb(kept);
            *sum = Some((picture, entry));
        }
        Some((_, kept)) => kept.absorb(&entry),
    }
}

/// Saturating sums of counters, plain sums of the rest.
macro_rules! add {
    ($to:ident, $from:ident; counters $($counter:ident)*; amounts $($amount:ident)*) => {
        $($to.$counter = $to.$counter.saturating_add($from.$counter);)*
        $($to.$amount += $from.$amount;)*
    };
}

impl Merge for VideoStats {
    fn picture(&self) -> u64 {
        self.frame_width.saturating_mul(self.frame_height)
    }

    fn absorb(&mut self, other: &Self) {
        add!(self, other;
            counters frames_decoded frames_dropped bytes_received packets_received packets_lost freeze_count
                packets_lost_delta frames_dropped_delta freeze_count_delta nack_count nack_count_delta
                bitrate fir_count pli_count frames_received frames_unread;
            amounts total_freezes_duration freeze_duration_delta);
    }
}

impl Merge for AudioStats {
    fn picture(&self) -> u64 {
        0
    }

    fn absorb(&mut self, other: &Self) {
        add!(self, other;
            counters bytes_received packets_received packets_lost packets_lost_delta bitrate;
            amounts);
    }
}

impl Merge for OutboundStats {
    fn picture(&self) -> u64 {
        self.frame_width.saturating_mul(self.frame_height)
    }

    fn absorb(&mut self, other: &Self) {
        add!(self, other;
            counters bytes_sent packets_sent nack_count fir_count pli_count retransmitted_bytes_sent
                retransmitted_packets_sent bitrate;
            amounts);
        self.target_bitrate_kbps = match (self.target_bitrate_kbps, other.target_bitrate_kbps) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
    }
}
