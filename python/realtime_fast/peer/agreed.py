"""What two descriptions agree on for the media path, and what ours say beyond aiortc's words. Pure text.

aiortc offers no transport-wide feedback and no full intra request, and its tables belong to the whole process. So the
lines are added to each description on its way out, and what both sides have said is read from the two texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRAILERS: Final = "x-packet-trailer"
"""The attribute of a video section by which a side says that it takes the packet trailer off what it receives. Whoever
does not know it must ignore it (RFC 8866, 5.13), and so never gets one (docs/latency.md, Frame timing)."""

TRANSPORT_CC: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

_FEEDBACK: Final = {"video": ("ccm fir", "transport-cc"), "audio": ("transport-cc",)}
"""Beyond what aiortc says."""

_MEDIA_CODECS: Final = ("vp8", "h264", "opus")


@dataclass(frozen=True, slots=True)
class Section:
    """What one side says of a media section.

    Attributes:
        kind: `audio`, `video`, or another that carries no RTP.
        mid: The section's name.
        codecs: Encoding names in lower case, by payload type.
        feedback: The kinds of RTCP feedback, by payload type.
        extensions: RFC 8285 header extensions: ids by URI.
        reduced_size: RTCP may go without a report in front (RFC 5506).
        stream: The name of the media stream (`a=msid`), empty where there is none.
        trailers: Packet trailers are taken off what is received.
    """

    kind: str
    mid: str
    codecs: Mapping[int, str] = field(default_factory=dict)
    feedback: Mapping[int, frozenset[str]] = field(default_factory=dict)
    extensions: Mapping[str, int] = field(default_factory=dict)
    reduced_size: bool = False
    stream: str = ""
    trailers: bool = False


@dataclass(frozen=True, slots=True)
class Agreed:
    """What both sides say of a media section; the ids are those of the answer."""

    feedback: Mapping[int, frozenset[str]]
    extensions: Mapping[str, int]
    reduced_size: bool
    stream: str
    trailers: bool = False

    def feedback_for(self, payload_type: int) -> frozenset[str]:
        """The kinds of feedback for one payload type."""
        return self.feedback.get(payload_type, frozenset())


def sections(sdp: str) -> Iterator[Section]:
    """The media sections of a description, in order."""
    for text in re.split(r"(?m)^(?=m=)", sdp.replace("\r\n", "\n"))[1:]:
        lines = text.splitlines()
        kind = lines[0].removeprefix("m=").partition(" ")[0]
        offered = [int(word) for word in lines[0].split()[3:] if word.isdigit()]
        mid, stream, reduced_size, trailers = "", "", False, False
        codecs: dict[int, str] = {}
        feedback: dict[int, set[str]] = {payload_type: set() for payload_type in offered}
        extensions: dict[str, int] = {}
        for line in lines[1:]:
            name, _, value = line.removeprefix("a=").partition(":")
            words = value.split()
            match name:
                case "mid":
                    mid = value.strip()
                case "msid" if words:
                    stream = words[0]
                case "rtcp-rsize":
                    reduced_size = True
                case _ if name == TRAILERS:
                    trailers = True
                case "rtpmap" if len(words) == 2 and words[0].isdigit():
                    codecs[int(words[0])] = words[1].partition("/")[0].lower()
                case "rtcp-fb" if len(words) >= 2:
                    for payload_type in (
                        offered if words[0] == "*" else [int(words[0])] if words[0].isdigit() else []
                    ):
                        feedback.setdefault(payload_type, set()).add(" ".join(words[1:]))
                case "extmap" if len(words) >= 2 and words[0].partition("/")[0].isdigit():
                    extensions[words[1]] = int(words[0].partition("/")[0])
        yield Section(
            kind,
            mid,
            codecs,
            {payload_type: frozenset(kinds) for payload_type, kinds in feedback.items()},
            extensions,
            reduced_size,
            stream,
            trailers,
        )


def agreed(answer: str, offer: str) -> dict[str, Agreed]:
    """What an offer and its answer have in common, by the sections' mid."""
    offered = {section.mid: section for section in sections(offer)}
    found = {}
    for answered in sections(answer):
        if (ours := offered.get(answered.mid)) is None:
            continue
        found[answered.mid] = Agreed(
            feedback={
                payload_type: kinds & ours.feedback.get(payload_type, frozenset())
                for payload_type, kinds in answered.feedback.items()
            },
            extensions={uri: id_ for uri, id_ in answered.extensions.items() if uri in ours.extensions},
            reduced_size=answered.reduced_size and ours.reduced_size,
            stream=answered.stream or ours.stream,
            trailers=answered.trailers and ours.trailers,
        )
    return found


def extended(sdp: str, offer: str | None = None) -> str:
    """A description of ours with the lines that aiortc has no words for.

    Args:
        sdp: The description, complete.
        offer: The offer that it answers, which bounds what may be said; None for an offer.
    """
    bounds = None if offer is None else {section.mid: section for section in sections(offer)}
    ours = list(sections(sdp))
    free = _free_id(ours)
    head, *texts = re.split(r"(?m)^(?=m=)", sdp)
    out = [head]
    for section, text in zip(ours, texts, strict=True):
        out.append(text.rstrip("\r\n") + "\r\n")
        if section.kind not in _FEEDBACK:
            continue
        bound = None if bounds is None else bounds.get(section.mid)
        if bounds is not None and bound is None:
            continue
        carries = free if bound is None else bound.extensions.get(TRANSPORT_CC)
        lines = []
        if carries is not None and TRANSPORT_CC not in section.extensions:
            lines.append(f"a=extmap:{carries} {TRANSPORT_CC}")
        if (bound is None or bound.reduced_size) and not section.reduced_size:
            lines.append("a=rtcp-rsize")
        if section.kind == "video" and (bound is None or bound.trailers) and not section.trailers:
            lines.append(f"a={TRAILERS}")
        for payload_type, codec in section.codecs.items():
            if codec not in _MEDIA_CODECS:
                continue
            for kind in _FEEDBACK[section.kind]:
                wanted = carries is not None or kind != "transport-cc"
                said = bound is None or kind in bound.feedback.get(payload_type, frozenset())
                if wanted and said and kind not in section.feedback.get(payload_type, frozenset()):
                    lines.append(f"a=rtcp-fb:{payload_type} {kind}")
        out.extend(f"{line}\r\n" for line in lines)
    return "".join(out)


def _free_id(ours: list[Section]) -> int:
    """An extension id that no section uses: bundled sections share one space of ids (RFC 8843, 9.2)."""
    used = {id_ for section in ours for id_ in section.extensions.values()}
    return next(id_ for id_ in range(1, 15) if id_ not in used)
