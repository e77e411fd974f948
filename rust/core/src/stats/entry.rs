//! One entry of a report, whatever its representation. Only the members that are used have a name here.

/// Declares an enum of members and their names in the report.
macro_rules! members {
    ($(#[$doc:meta])* $kind:ident { $($variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)] // the names are webrtc-stats' own
        pub enum $kind { $($variant,)* }

        impl $kind {
            /// Every member, in the order of their discriminants.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in the report.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The member of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

members! {
    /// Members that are numbers.
    Number {
        AvailableOutgoingBitrate = "availableOutgoingBitrate",
        BytesReceived = "bytesReceived",
        BytesSent = "bytesSent",
        CurrentRoundTripTime = "currentRoundTripTime",
        FirCount = "firCount",
        FrameHeight = "frameHeight",
        FrameWidth = "frameWidth",
        FramesDecoded = "framesDecoded",
        FramesDropped = "framesDropped",
        FramesEncoded = "framesEncoded",
        FramesPerSecond = "framesPerSecond",
        FramesReceived = "framesReceived",
        FramesUnread = "framesUnread",
        FreezeCount = "freezeCount",
        Jitter = "jitter",
        JitterBufferDelay = "jitterBufferDelay",
        JitterBufferEmittedCount = "jitterBufferEmittedCount",
        JitterBufferMinimumDelay = "jitterBufferMinimumDelay",
        JitterBufferTargetDelay = "jitterBufferTargetDelay",
        NackCount = "nackCount",
        PacketsLost = "packetsLost",
        PacketsReceived = "packetsReceived",
        PacketsSent = "packetsSent",
        PliCount = "pliCount",
        Port = "port",
        RetransmittedBytesSent = "retransmittedBytesSent",
        RetransmittedPacketsSent = "retransmittedPacketsSent",
        RoundTripTime = "roundTripTime",
        TargetBitrate = "targetBitrate",
        Timestamp = "timestamp",
        TotalDecodeTime = "totalDecodeTime",
        TotalEncodeTime = "totalEncodeTime",
        TotalFreezesDuration = "totalFreezesDuration",
        TotalInterFrameDelay = "totalInterFrameDelay",
        TotalPacketSendDelay = "totalPacketSendDelay",
        TotalProcessingDelay = "totalProcessingDelay",
        TotalSquaredInterFrameDelay = "totalSquaredInterFrameDelay",
    }
}

members! {
    /// Members that are strings.
    Text {
        Address = "address",
        CandidateType = "candidateType",
        Id = "id",
        Kind = "kind",
        LocalCandidateId = "localCandidateId",
        Protocol = "protocol",
        QualityLimitationReason = "qualityLimitationReason",
        RemoteCandidateId = "remoteCandidateId",
        State = "state",
        Type = "type",
    }
}

/// The member that is a map from a name to seconds.
pub const DURATIONS: &str = "qualityLimitationDurations";
/// The member that is true of the pair in use.
pub const NOMINATED: &str = "nominated";

/// Reads the members of one entry. What is missing or of the wrong type is `None`.
pub trait Entry {
    /// A member as it stands; [`Entry::number`] rejects invalid values.
    fn raw_number(&self, name: Number) -> Option<f64>;

    /// Hands a string member to `read`.
    fn with_text<R>(&self, name: Text, read: impl FnOnce(&str) -> R) -> Option<R>;

    /// Whether `nominated` is true.
    fn is_nominated(&self) -> bool;

    /// The members of `qualityLimitationDurations` that are numbers.
    fn durations(&self) -> Vec<(String, f64)>;

    /// A finite number that is not negative.
    fn number(&self, name: Number) -> Option<f64> {
        self.raw_number(name).and_then(valid)
    }

    /// A number, 0 if there is none.
    fn amount(&self, name: Number) -> f64 {
        self.number(name).unwrap_or(0.0)
    }

    /// A whole number, 0 if there is none; fractions are cut off and what no `u64` holds is its maximum.
    fn count(&self, name: Number) -> u64 {
        self.amount(name) as u64
    }

    /// A string, `default` if there is none.
    fn text_or(&self, name: Text, default: &str) -> String {
        self.with_text(name, str::to_owned).unwrap_or_else(|| default.to_owned())
    }
}

/// The number itself if it is finite and not negative.
pub(super) fn valid(value: f64) -> Option<f64> {
    (value >= 0.0 && value.is_finite()).then_some(value)
}
