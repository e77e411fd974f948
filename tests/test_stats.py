"""The statistics parser against its plain reference, and each rule of the specification by hand."""

import json
import math
from types import MappingProxyType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from realtime_fast.stats import (
    AudioStats,
    Candidate,
    CandidatePair,
    ConnectionStats,
    OutboundVideoStats,
    RtcStats,
    StatsParser,
    VideoStats,
    merge_reports,
)

from tests.reference.reports import as_objects, browser_report
from tests.reference.stats import ReferenceParser


def snake(sample: RtcStats) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.structs.asdict(sample)
    del data["timestamp"]
    return {name: plain(value) for name, value in data.items()}


def plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {name: plain(part) for name, part in msgspec.structs.asdict(value).items()}
    return [plain(part) for part in value] if isinstance(value, tuple) else value


def test_browser_reports_equal_the_reference_from_every_input() -> None:
    reference, parsers = ReferenceParser(), [StatsParser() for _ in range(7)]
    for tick in (1, 2, 5, 3, 12):
        report = browser_report(tick)
        wanted = reference.parse(report, float(tick))
        inputs: tuple[Any, ...] = (
            report,
            as_objects(report),
            json.dumps(report),
            json.dumps(report).encode(),
            json.dumps(report, separators=(",", ":")),
            json.dumps(report, indent=2),
            MappingProxyType(report),
        )
        for parser, given_report in zip(parsers, inputs, strict=True):
            assert snake(parser.parse(given_report, float(tick))) == wanted


numbers = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**7),
    st.sampled_from([math.nan, math.inf, -0.0, 10**30, 1e300, 2.5, "7", [], {}, 0]),
    st.floats(0, 1e6),
)
kinds = st.sampled_from(["video", "audio", "Video", None, 3])
ids = st.sampled_from(["a", "b", "p/a", "p/b", "", "é\n"])
NUMBERS = [
    "availableOutgoingBitrate", "bytesReceived", "bytesSent", "currentRoundTripTime", "frameHeight", "frameWidth",
    "framesDecoded", "framesDropped", "framesEncoded", "freezeCount", "jitter", "jitterBufferDelay",
    "jitterBufferEmittedCount", "nackCount", "packetsLost", "packetsSent", "port", "roundTripTime", "targetBitrate",
    "totalFreezesDuration", "totalInterFrameDelay", "totalPacketSendDelay", "totalSquaredInterFrameDelay", "unknown",
]  # fmt: skip
entries = st.one_of(
    st.none(),
    st.integers(),
    st.lists(st.integers(), max_size=2),
    st.builds(
        lambda type_, kind, figures, texts, nominated, durations: {
            "type": type_,
            "kind": kind,
            **figures,
            **texts,
            "nominated": nominated,
            "qualityLimitationDurations": durations,
        },
        st.sampled_from(
            [
                "inbound-rtp",
                "outbound-rtp",
                "remote-inbound-rtp",
                "candidate-pair",
                "local-candidate",
                "codec",
                None,
            ]
        ),
        kinds,
        st.dictionaries(st.sampled_from(NUMBERS), numbers, max_size=6),
        st.fixed_dictionaries(
            {},
            optional={
                "id": ids,
                "state": st.sampled_from(["succeeded", "waiting"]),
                "localCandidateId": ids,
                "remoteCandidateId": ids,
                "address": st.sampled_from(["10.0.0.1", "", "::1"]),
                "protocol": st.text(max_size=3),
                "candidateType": numbers,
                "qualityLimitationReason": st.one_of(st.none(), st.text(max_size=5)),
            },
        ),
        st.one_of(st.booleans(), numbers),
        st.one_of(st.none(), st.dictionaries(st.text(max_size=3), numbers, max_size=3)),
    ),
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 10), st.dictionaries(ids, entries, max_size=4)), min_size=1, max_size=2)
)
@example([(1.0, {"a": {"type": "inbound-rtp", "kind": "video", "framesDecoded": 10**400}})])
@example([(1.0, {key: {"type": "inbound-rtp", "kind": "video", "bytesReceived": 10**30} for key in "ab"})])
def test_any_report_equals_the_reference(polls: list[tuple[float, dict[str, Any]]]) -> None:
    reference, from_dicts, from_objects, from_text = (
        ReferenceParser(),
        StatsParser(),
        StatsParser(),
        StatsParser(),
    )
    now = 0.0
    for elapsed, report in polls:
        now += elapsed
        wanted = reference.parse(report, now)
        assert snake(from_dicts.parse(report, now)) == wanted
        objects = {k: SimpleNamespace(**e) if isinstance(e, dict) else e for k, e in report.items()}
        assert snake(from_objects.parse(objects, now)) == wanted
        assert snake(from_text.parse(json.dumps(report), now)) == wanted


@given(st.one_of(st.text(), st.binary(), st.text(alphabet='{}[]":,tfn0e.-\\u ')))
def test_any_text_is_a_sample_or_a_value_error(text: str | bytes) -> None:
    parser = StatsParser()
    try:
        report = json.loads(text)
    except ValueError:
        report = None
    try:
        sample = parser.parse(text, 1.0)
    except ValueError:
        return  # stricter than json.loads in places, and never another error
    assert isinstance(report, dict)
    assert sample.video is None


def inbound(**fields: Any) -> dict[str, Any]:
    return {"type": "inbound-rtp", "kind": "video", **fields}


def test_deltas_and_bitrate_are_against_the_sample_before() -> None:
    parser = StatsParser(epoch=100.0)
    first = parser.parse({"v": inbound(bytesReceived=1000, packetsLost=3, totalFreezesDuration=0.5)}, 10.0)
    assert first.timestamp == 110_000.0
    assert first.video is not None
    assert (first.video.bitrate, first.video.packets_lost_delta, first.video.freeze_duration_delta) == (
        0,
        3,
        0.5,
    )
    second = parser.parse({"v": inbound(bytesReceived=2001, packetsLost=2, totalFreezesDuration=0.75)}, 12.0)
    assert second.video is not None
    assert (second.video.bitrate, second.video.packets_lost_delta, second.video.freeze_duration_delta) == (
        4004,
        0,
        0.25,
    )
    parser.reset()
    third = parser.parse({"v": inbound(bytesReceived=5000, packetsLost=2)}, 13.0)
    assert third.video is not None
    assert (third.video.bitrate, third.video.packets_lost_delta) == (0, 2)


def test_frame_gaps() -> None:
    gaps = [0.03, 0.05, 0.04, 0.12]
    entry = inbound(
        framesDecoded=4,
        totalInterFrameDelay=sum(gaps),
        totalSquaredInterFrameDelay=sum(gap * gap for gap in gaps),
    )
    video = StatsParser().parse({"v": entry}, 0.0).video
    assert video is not None
    assert video.avg_inter_frame_delay_ms == pytest.approx(60.0)
    assert video.inter_frame_delay_variance_ms == pytest.approx(1000 * math.sqrt(0.0194 / 4))
    assert video.inter_frame_delay_stddev_ms == pytest.approx(1000 * math.sqrt(0.0194 / 4 - 0.0036))


def test_several_streams_are_summed_and_the_largest_speaks() -> None:
    parser = StatsParser()
    parser.parse({"s": inbound(bytesReceived=1000), "l": inbound(bytesReceived=0)}, 0.0)
    video = parser.parse(
        {
            "s": inbound(bytesReceived=2000, frameWidth=320, frameHeight=180, framesPerSecond=15, jitter=0.1),
            "l": inbound(bytesReceived=9000, frameWidth=640, frameHeight=360, framesPerSecond=30, jitter=0.2),
        },
        1.0,
    ).video
    assert video is not None
    assert (video.bytes_received, video.bitrate) == (11_000, 80_000)
    assert (video.frame_width, video.frames_per_second, video.jitter) == (640, 30.0, 0.2)


def test_merged_reports_keep_their_candidates_apart() -> None:
    def one(host: str) -> dict[str, Any]:
        return {
            "P": {"id": "P", "type": "candidate-pair", "state": "succeeded", "localCandidateId": "L",
                  "remoteCandidateId": "R"},
            "L": {"id": "L", "type": "local-candidate", "address": host, "port": 1, "candidateType": "host"},
            "R": {"id": "R", "type": "remote-candidate", "address": "9.9.9.9", "port": 2, "protocol": "tcp"},
        }  # fmt: skip

    connection = (
        StatsParser().parse(merge_reports({"a": one("1.1.1.1"), "b": one("2.2.2.2")}), 0.0).connection
    )
    remote = Candidate("9.9.9.9", 2, "tcp", "unknown")
    assert connection.selected_candidate_pairs == (
        CandidatePair(Candidate("1.1.1.1", 1, "udp", "host"), remote),
        CandidatePair(Candidate("2.2.2.2", 1, "udp", "host"), remote),
    )


def test_entries_that_raise_are_passed_over() -> None:
    class Broken:
        type = "inbound-rtp"
        kind = "video"
        framesDecoded = 3

        @property
        def bytesReceived(self) -> int:
            raise RuntimeError("gone")

        def __getattr__(self, name: str) -> Any:
            raise KeyError(name)

    report: dict[Any, Any] = {"v": Broken(), 5: inbound(framesDecoded=1)}
    video = StatsParser().parse(report, 0.0).video
    assert video is not None
    assert (video.frames_decoded, video.bytes_received) == (3, 0)


def test_wire_names() -> None:
    sample = RtcStats(
        1.0,
        VideoStats(),
        AudioStats(),
        OutboundVideoStats(),
        ConnectionStats(0.1, None, (CandidatePair(Candidate("a"), Candidate("b")),)),
    )
    wire = sample.to_dict()
    assert set(wire) == {"timestamp", "video", "audio", "outboundVideo", "connection"}
    assert {
        "framesDecoded",
        "avgInterFrameDelayMs",
        "interFrameDelayVarianceMs",
        "jitterBufferTargetDelayMs",
    } < set(wire["video"])
    assert set(wire["audio"]) == {
        "bytesReceived", "packetsReceived", "packetsLost", "jitter", "bitrate", "packetsLostDelta"
    }  # fmt: skip
    assert wire["outboundVideo"]["targetBitrateKbps"] is None
    assert wire["outboundVideo"]["qualityLimitationReason"] == "none"
    assert wire["connection"] == {
        "currentRoundTripTime": 0.1,
        "availableOutgoingBitrate": None,
        "selectedCandidatePairs": [
            {
                "local": {"address": "a", "port": 0, "protocol": "udp", "candidateType": "unknown"},
                "remote": {"address": "b", "port": 0, "protocol": "udp", "candidateType": "unknown"},
            }
        ],
    }
    json.dumps(wire)
    with pytest.raises(AttributeError):
        sample.video = None  # type: ignore[misc]


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ("", "expected a JSON object"),
        ("[1]", "expected a JSON object"),
        ('{"a": {"type": "codec"', "at line 1 column"),
        ('{"a": 1} x', "at line 1 column"),
        ('{"a":' * 100_000, "recursion limit"),
        (b"\xff{}", "expected a JSON object"),
        (b'{"a": {"unread": "\xff"}}', "invalid unicode code point at line 1 column 19"),
        (7, "expected a mapping of statistics entries by id, or its JSON text, got int"),
        (None, "got NoneType"),
    ],
)
def test_what_is_no_report_is_refused_and_nothing_is_forgotten(report: Any, message: str) -> None:
    parser = StatsParser()
    parser.parse({"v": inbound(bytesReceived=1000)}, 0.0)
    with pytest.raises(ValueError, match=message):
        parser.parse(report, 1.0)
    video = parser.parse({"v": inbound(bytesReceived=2000)}, 2.0).video
    assert video is not None
    assert video.bitrate == 4000
