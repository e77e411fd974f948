"""The far side's session descriptions: bounded, tidied, and cut down to what this side can take (RFC 8866, RFC 8829).

aiortc refuses a whole description for one section that it cannot use, compares H.264 profiles for equality, and adds
every candidate of a list of any length. So a description passes here before it gets there, and ours on its way out.
Pure text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_LENGTH = 64 * 1024
"""Characters of a description; a browser's has about ten thousand."""

MAX_SECTIONS = 32
MAX_CANDIDATES = 64
"""Candidates of one far side, described and trickled: each is paired with each of ours."""

MAX_REPEATED = 128
"""Lines of one kind in a section: some are looked up in each other."""

_MEDIA = {"audio": ("opus",), "video": ("vp8", "h264")}
"""What this side can send and receive."""

_DECODABLE = {0x42: "Baseline", 0x4D: "Main", 0x58: "Extended", 0x64: "High"}
"""H.264 profiles (profile_idc) that the decoder reads; each of their decoders reads constrained baseline."""

_TAKEN_AS = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
"""The H.264 that aiortc knows: constrained baseline, which this side sends."""

_TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=ice-options:", "a=fingerprint:", "a=setup:")


class DescriptionError(ValueError):
    """A description that cannot be used; the text says what about it."""


@dataclass(frozen=True, slots=True)
class _Codec:
    payload_type: str
    name: str
    parameters: str | None

    @property
    def profile(self) -> int | None:
        """profile_idc of H.264, as far as it is said; without it the oldest senders mean baseline."""
        found = re.search(
            r"(?i)(?:^|;)profile-level-id=([0-9a-f]{2})[0-9a-f]{4}(?:;|$)", self.parameters or ""
        )
        return int(found[1], 16) if found else 0x42

    @property
    def is_known(self) -> bool:
        """Whether aiortc takes it as it is."""
        parameters = (self.parameters or "").lower().split(";")
        ours = self.profile == 0x42 or "profile-level-id=4de01f" in parameters
        return self.name != "h264" or ("packetization-mode=1" in parameters and ours)

    @property
    def is_decodable(self) -> bool:
        return self.name != "h264" or (
            self.profile in _DECODABLE and "packetization-mode=2" not in (self.parameters or "")
        )

    def __str__(self) -> str:
        if self.name != "h264":
            return self.name.upper()
        return f"H264 ({self.parameters or 'no parameters'})"


class _Section:
    """A media section: its lines, the first of which begins with `m=`."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        words = lines[0].removeprefix("m=").split()
        self.kind, self.port, self.protocol = (*words[:3], "", "", "")[:3]
        self.formats = words[3:]

    @property
    def mid(self) -> str:
        """Its identification, empty if it has none."""
        return next((line[6:] for line in self.lines if line.startswith("a=mid:")), "")

    @property
    def is_media(self) -> bool:
        """Whether it carries sound or pictures."""
        return self.kind in _MEDIA

    @property
    def is_rejected(self) -> bool:
        """Whether its port says no; a bundled one may have no port of its own (RFC 9143, section 6)."""
        return self.port == "0" and "a=bundle-only" not in self.lines

    @property
    def codecs(self) -> list[_Codec]:
        """Its codecs in order of preference, without retransmission and the like."""
        names = dict(_attribute(self.lines, "rtpmap"))
        parameters = dict(_attribute(self.lines, "fmtp"))
        return [
            _Codec(number, names[number].partition("/")[0].lower(), parameters.get(number))
            for number in self.formats
            if number in names
        ]

    @property
    def usable(self) -> list[_Codec]:
        """The codecs that this side can take, with or without help."""
        known = _MEDIA.get(self.kind, ())
        return [codec for codec in self.codecs if codec.name in known and codec.is_decodable]

    def described(self) -> str:
        """Its codecs, for messages."""
        auxiliary = ("rtx", "red", "ulpfec", "flexfec-03", "telephone-event", "cn")
        codecs = [str(codec) for codec in self.codecs if codec.name not in auxiliary]
        return (
            f"{self.kind} rejected"
            if self.is_rejected
            else f"{self.kind} {', '.join(codecs) or 'without codec'}"
        )


class FarSide:
    """One far side's descriptions, and what ours must say about them."""

    def __init__(self) -> None:
        self._left_out: dict[int, _Section] = {}
        self._originals: dict[str, dict[str, str | None]] = {}

    def offer(self, sdp: str) -> str:
        """An offer without the sections that cannot be used; `answer` puts them back as rejected.

        Raises:
            DescriptionError: It is too large, or has no section that can be used.
        """
        head, sections = parsed(sdp)
        self._left_out = {
            index: section
            for index, section in enumerate(sections)
            if section.is_media and (section.is_rejected or not section.usable)
        }
        kept = [section for index, section in enumerate(sections) if index not in self._left_out]
        if self._left_out and not any(section.is_media for section in kept):
            raise DescriptionError(f"nothing in it can be used: it offers {_described(sections)}; {_OURS}")
        self._originals = {section.mid: _widen(section) for section in kept}
        mids = {section.mid for section in self._left_out.values()}
        return _text([_without_mids(line, mids) for line in head], kept)

    def accepted(self, sdp: str, offer: str) -> str:
        """An answer in which what the far side rejected is inactive, with what we offered for it.

        Args:
            sdp: The answer.
            offer: Ours.

        Raises:
            DescriptionError: It is too large, or accepts nothing that can be used.
        """
        head, sections = parsed(sdp)
        _, offered = _split(offer)
        accepted = [section for section in sections if not section.is_rejected and section.usable]
        if not accepted and any(section.is_media for section in sections):
            raise DescriptionError(
                f"it accepts nothing that can be used: offered were {_described(offered)}; "
                f"answered was {_described(sections)}"
            )
        for section in accepted:
            _widen(section)
        if not accepted or len(sections) != len(offered):
            return _text(head, sections)  # for aiortc to refuse
        rejected: list[str] = []
        for index, (section, own) in enumerate(zip(sections, offered, strict=True)):
            if section.is_media and section not in accepted:
                sections[index] = _inactive(own, accepted[0])
                rejected.append(own.mid)
        return _text([_bundled(line, accepted[0].mid, rejected) for line in head], sections)

    def answer(self, sdp: str) -> str:
        """Our answer to the last offer, with what was left out of it rejected in its place."""
        head, sections = _split(sdp)
        for section in sections:
            _restore(section, self._originals.get(section.mid, {}))
        for index, section in sorted(self._left_out.items()):
            sections.insert(index, _rejected(section))
        return _text(head, sections)

    def index_taken(self, index: int | None) -> int | None:
        """A section's place in what was taken of an offer, by its place in the offer."""
        return None if index is None else index - sum(left_out < index for left_out in self._left_out)


def parsed(sdp: str) -> tuple[list[str], list[_Section]]:
    """A description's own lines, and its sections, bounded and tidied.

    Raises:
        DescriptionError: It is too large.
    """
    if len(sdp) > MAX_LENGTH:
        raise DescriptionError(f"it has {len(sdp)} characters; at most {MAX_LENGTH} are allowed")
    head, sections = _split(sdp)
    if len(sections) > MAX_SECTIONS:
        raise DescriptionError(f"it has {len(sections)} media sections; at most {MAX_SECTIONS} are allowed")
    candidates = [line for section in sections for line in section.lines if line.startswith("a=candidate:")]
    # One bundled transport may list the same in each section.
    if len(set(candidates)) > MAX_CANDIDATES or len(candidates) > 4 * MAX_CANDIDATES:
        raise DescriptionError(f"it has {len(candidates)} candidates; at most {MAX_CANDIDATES} are allowed")
    for lines in (head, *(section.lines for section in sections)):
        kind, most = max(Counter(map(_kind, lines)).items(), key=lambda item: item[1], default=("", 0))
        if most > MAX_REPEATED:
            raise DescriptionError(
                f"it has {most} lines {kind} in one section; at most {MAX_REPEATED} are allowed"
            )
    return head, sections


def tidied(sdp: str) -> str:
    """A description, bounded and tidied.

    Raises:
        DescriptionError: It is too large.
    """
    return _text(*parsed(sdp))


def _split(sdp: str) -> tuple[list[str], list[_Section]]:
    lines = [_tidy(line) for line in sdp.splitlines() if line.strip()]
    starts = [at for at, line in enumerate(lines) if line.startswith("m=")]
    head = lines[: starts[0]] if starts else lines
    return head, [_Section(lines[begin:end]) for begin, end in pairwise([*starts, len(lines)])]


def _tidy(line: str) -> str:
    """A line without the spaces that aiortc stumbles over: around, and between parameters."""
    line = line.strip()
    if not line.startswith("a=fmtp:"):
        return line
    number, _, parameters = line.partition(" ")
    cleaned = ["=".join(map(str.strip, one.split("=", 1))) for one in parameters.split(";") if one.strip()]
    return f"{number} {';'.join(cleaned)}" if cleaned else number


def _kind(line: str) -> str:
    return line.partition(":")[0]


def _attribute(lines: Iterable[str], name: str) -> Iterator[tuple[str, str]]:
    """The format and the rest of each line `a=name:format rest`."""
    prefix = f"a={name}:"
    for line in lines:
        if line.startswith(prefix):
            number, _, rest = line[len(prefix) :].partition(" ")
            yield number, rest.strip()


def _widen(section: _Section) -> dict[str, str | None]:
    """Have aiortc take H.264 of another profile, where the section has nothing else; the originals by payload type."""
    usable = section.usable
    if not section.is_media or any(codec.is_known for codec in usable):
        return {}
    originals = {codec.payload_type: codec.parameters for codec in usable[:1]}
    for number in originals:
        _set_parameters(section, number, _TAKEN_AS)
    return originals


def _restore(section: _Section, originals: dict[str, str | None]) -> None:
    for number, parameters in originals.items():
        _set_parameters(section, number, parameters)


def _set_parameters(section: _Section, number: str, parameters: str | None) -> None:
    prefix = f"a=fmtp:{number} "
    section.lines = [line for line in section.lines if not line.startswith(prefix)]
    if parameters is not None:
        after = next(at for at, line in enumerate(section.lines) if line.startswith(f"a=rtpmap:{number} "))
        section.lines.insert(after + 1, f"{prefix}{parameters}")


def _rejected(section: _Section) -> _Section:
    """A section that is not agreed on (RFC 3264, section 6): the offer's line with port 0."""
    line = f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}"
    mid = [f"a=mid:{section.mid}"] if section.mid else []
    return _Section([line, "c=IN IP4 0.0.0.0", "a=inactive", *mid])


def _inactive(own: _Section, accepted: _Section) -> _Section:
    """What aiortc takes for a section that the far side rejected: ours, at rest on the transport of another one."""
    left_out = ("a=candidate:", "a=end-of-candidates", "a=ssrc", "a=msid", *_TRANSPORT)
    directions = ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")
    lines = [line for line in own.lines if not line.startswith(left_out) and line not in directions]
    transport = [line for line in accepted.lines if line.startswith(_TRANSPORT)]
    return _Section([*lines, "a=inactive", *transport])


def _bundled(line: str, first: str, rejected: Sequence[str]) -> str:
    """A BUNDLE group with what was rejected in it, behind a section that was not."""
    if not line.startswith("a=group:BUNDLE"):
        return line
    others = [mid for mid in line.split()[1:] if mid != first and mid not in rejected]
    return " ".join(["a=group:BUNDLE", first, *others, *rejected])


def _without_mids(line: str, mids: Iterable[str]) -> str:
    if not line.startswith("a=group:"):
        return line
    group, *members = line.split()
    return " ".join([group, *(mid for mid in members if mid not in mids)])


def _text(head: Sequence[str], sections: Sequence[_Section]) -> str:
    return "".join(
        f"{line}\r\n" for lines in (head, *(section.lines for section in sections)) for line in lines
    )


def _described(sections: Sequence[_Section]) -> str:
    return "; ".join(section.described() for section in sections if section.is_media) or "nothing"


_OURS = "this side has audio OPUS; video VP8, H264 (Baseline, Main, High; packetization mode 0 or 1)"
