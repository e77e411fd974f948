"""Statistics reports of the size and shape that Chromium gives for one connection with simulcast."""

from types import SimpleNamespace
from typing import Any


def browser_report(tick: int = 1) -> dict[str, dict[str, Any]]:
    """60 entries; counters grow with `tick`, the number of seconds the connection has lasted."""
    entries: list[dict[str, Any]] = []

    def add(key: str, kind_of: str, **fields: Any) -> None:
        entries.append(
            {"id": key, "timestamp": 1_790_000_000_000.123 + 1000 * tick, "type": kind_of, **fields}
        )

    for index in range(2):
        add(
            f"CF{index}A:7B:9C:1D",
            "certificate",
            base64Certificate="MIIBFjCBvaADAgECAgkA" * 8,
            fingerprint="7B:9C:1D:AA:00:42:66:3F:51:0B:EE:21:93:DC:FD:5A:7B:9C:1D:AA:00:42:66:3F:51:0B:EE:21",
            fingerprintAlgorithm="sha-256",
        )
    for payload in range(96, 114):
        add(
            f"CIT01_{payload}_apt",
            "codec",
            clockRate=90_000,
            mimeType="video/VP8",
            payloadType=payload,
            sdpFmtpLine="level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            transportId="T01",
        )
    for index in range(8):
        side = ("local", "remote")[index % 2]
        add(
            f"I{side}{index}",
            f"{side}-candidate",
            address=f"192.168.1.{index}",
            candidateType="host" if index < 4 else "srflx",
            foundation="2849190212",
            ip=f"192.168.1.{index}",
            isRemote=side == "remote",
            networkType="wifi",
            port=50_000 + index,
            priority=2_122_260_223,
            protocol="udp",
            transportId="T01",
            usernameFragment="aB3d",
        )
    for index in range(8):
        add(
            f"CP{index}",
            "candidate-pair",
            availableOutgoingBitrate=2_500_000.0 + tick,
            bytesDiscardedOnSend=0,
            bytesReceived=1_250_000 * tick,
            bytesSent=1_250_000 * tick,
            consentRequestsSent=tick,
            currentRoundTripTime=0.035,
            lastPacketReceivedTimestamp=1_790_000_000_000.0,
            lastPacketSentTimestamp=1_790_000_000_000.0,
            localCandidateId=f"Ilocal{index // 2 * 2}",
            nominated=index == 0,
            packetsDiscardedOnSend=0,
            packetsReceived=1500 * tick,
            packetsSent=1500 * tick,
            priority=9_115_005_270_282_338_000,
            remoteCandidateId=f"Iremote{index // 2 * 2 + 1}",
            requestsReceived=3,
            requestsSent=1,
            responsesReceived=3,
            responsesSent=3,
            state="succeeded" if index == 0 else "waiting",
            totalRoundTripTime=0.35,
            transportId="T01",
            writable=True,
        )
    for index in range(2):
        add(
            f"IT01V{index}",
            "inbound-rtp",
            bytesReceived=312_500 * tick,
            codecId="CIT01_96_apt",
            corruptionMeasurements=0,
            decoderImplementation="libvpx",
            estimatedPlayoutTimestamp=3_999_000_000_000.0,
            firCount=0,
            frameHeight=704,
            frameWidth=1280,
            framesAssembledFromMultiplePackets=29 * tick,
            framesDecoded=30 * tick,
            framesDropped=tick // 3,
            framesPerSecond=30,
            framesReceived=30 * tick,
            freezeCount=tick // 10,
            googTimingFrameInfo="3521,1,2,3,4,5,6,7,8,9,10,11,12,13,0,1",
            headerBytesReceived=7500 * tick,
            jitter=0.004,
            jitterBufferDelay=2.4 * tick,
            jitterBufferEmittedCount=30 * tick,
            jitterBufferMinimumDelay=2.1 * tick,
            jitterBufferTargetDelay=2.2 * tick,
            keyFramesDecoded=1,
            kind="video",
            lastPacketReceivedTimestamp=1_790_000_000_000.5,
            mediaType="video",
            mid=str(index),
            nackCount=tick // 2,
            packetsLost=tick // 4,
            packetsReceived=312 * tick,
            pauseCount=0,
            pliCount=1,
            powerEfficientDecoder=False,
            qpSum=1200 * tick,
            remoteId="ROA1",
            retransmittedBytesReceived=0,
            retransmittedPacketsReceived=0,
            ssrc=1_234_567,
            totalAssemblyTime=0.08,
            totalDecodeTime=0.09 * tick,
            totalFreezesDuration=0.2 * (tick // 10),
            totalInterFrameDelay=1.0 * tick,
            totalPausesDuration=0,
            totalProcessingDelay=2.6 * tick,
            totalSquaredInterFrameDelay=0.035 * tick,
            trackIdentifier="0b6b1c6e-95a5-4a3c-9a4f-1f9e02f1a0ed",
            transportId="T01",
        )
        add(
            f"IT01A{index}",
            "inbound-rtp",
            audioLevel=0.02,
            bytesReceived=6000 * tick,
            codecId="CIT01_111_apt",
            concealedSamples=0,
            concealmentEvents=0,
            fecPacketsDiscarded=0,
            fecPacketsReceived=0,
            headerBytesReceived=1400 * tick,
            insertedSamplesForDeceleration=0,
            jitter=0.002,
            jitterBufferDelay=80.0,
            jitterBufferEmittedCount=48_000 * tick,
            kind="audio",
            mediaType="audio",
            packetsDiscarded=0,
            packetsLost=0,
            packetsReceived=50 * tick,
            silentConcealedSamples=0,
            ssrc=7_654_321,
            totalAudioEnergy=0.01,
            totalSamplesDuration=1.0 * tick,
            totalSamplesReceived=48_000 * tick,
            trackIdentifier="5f0d9c57-4a58-4f1c-8c11-1b3a6f2a9b11",
            transportId="T01",
        )
    for index in range(3):
        add(
            f"OT01V{index}",
            "outbound-rtp",
            active=True,
            bytesSent=187_500 * tick * (index + 1),
            codecId="CIT01_96_apt",
            contentType="realtime",
            encoderImplementation="libvpx",
            firCount=0,
            frameHeight=176 << index,
            frameWidth=320 << index,
            framesEncoded=30 * tick,
            framesPerSecond=30,
            framesSent=30 * tick,
            headerBytesSent=5000 * tick,
            hugeFramesSent=1,
            keyFramesEncoded=1,
            kind="video",
            mediaSourceId="SV1",
            mediaType="video",
            mid="0",
            nackCount=2,
            packetsSent=220 * tick,
            pliCount=1,
            powerEfficientEncoder=False,
            qpSum=900 * tick,
            qualityLimitationDurations={"bandwidth": 1.5, "cpu": 0, "none": 1.0 * tick, "other": 0},
            qualityLimitationReason="none",
            qualityLimitationResolutionChanges=0,
            remoteId=f"RIV{index}",
            retransmittedBytesSent=0,
            retransmittedPacketsSent=0,
            rid="hml"[index],
            scalabilityMode="L1T1",
            ssrc=99 + index,
            targetBitrate=1_500_000,
            totalEncodeTime=0.12 * tick,
            totalEncodedBytesTarget=0,
            totalPacketSendDelay=4.4 * tick,
            transportId="T01",
        )
        add(
            f"RIV{index}",
            "remote-inbound-rtp",
            codecId="CIT01_96_apt",
            fractionLost=0,
            jitter=0.003,
            kind="video",
            localId=f"OT01V{index}",
            packetsLost=0,
            roundTripTime=0.036,
            roundTripTimeMeasurements=tick,
            ssrc=99 + index,
            totalRoundTripTime=0.036 * tick,
            transportId="T01",
        )
    add(
        "T01", "transport", bytesReceived=1, bytesSent=1, dtlsState="connected", selectedCandidatePairId="CP0"
    )
    add("P", "peer-connection", dataChannelsClosed=0, dataChannelsOpened=0)
    add("SV1", "media-source", frames=30 * tick, framesPerSecond=30, height=704, kind="video", width=1280)
    for index in range(60 - len(entries)):
        add(
            f"AP{index}",
            "media-playout",
            kind="audio",
            totalPlayoutDelay=1.0 * tick,
            totalSamplesCount=48_000,
        )
    return {entry["id"]: entry for entry in entries}


def as_objects(report: dict[str, dict[str, Any]]) -> dict[str, SimpleNamespace]:
    """The same entries as objects with attributes."""
    return {key: SimpleNamespace(**entry) for key, entry in report.items()}
