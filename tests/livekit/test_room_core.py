"""The room's state, without I/O: every message a server may send, in any order."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol import models, rtc

from realtime_fast.errors import RoomError
from realtime_fast.livekit.events import (
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    PublicationEnded,
    SignalLost,
    SignalRestored,
    TrackSubscribed,
    TrackUnsubscribed,
)
from realtime_fast.livekit.outputs import AddCandidate, Emit, HangUp, Negotiate, Send
from realtime_fast.livekit.room_core import RESUME_LIMIT, RoomCore, Stay

ME = models.ParticipantInfo(sid="PA_me", identity="me")
CLOSED = RoomError("closed")


def track(sid: str, kind: Any = models.VIDEO, mime: str = "video/H264") -> models.TrackInfo:
    return models.TrackInfo(sid=sid, type=kind, mime_type=mime, source=models.CAMERA)


def someone(sid: str, *tracks: models.TrackInfo, identity: str = "other") -> models.ParticipantInfo:
    return models.ParticipantInfo(sid=sid, identity=identity, tracks=tracks)


def response(**message: Any) -> rtc.SignalResponse:
    return rtc.SignalResponse(**message)


def update(*infos: models.ParticipantInfo) -> rtc.SignalResponse:
    return response(update=rtc.ParticipantUpdate(participants=infos))


def events(core: RoomCore) -> list[Any]:
    return [output.event for output in core.take() if isinstance(output, Emit)]


def requests(core: RoomCore) -> list[rtc.SignalRequest]:
    return [output.request for output in core.take() if isinstance(output, Send)]


def joined(*others: models.ParticipantInfo, **more: Any) -> RoomCore:
    core = RoomCore("ws://one", "token", lambda _, published: published.mime_type != "video/VP9")
    core.opened(0)
    core.receive(response(join=rtc.JoinResponse(participant=ME, other_participants=others, **more)), 0)
    assert core.stay is Stay.JOINED
    return core


def test_joining_names_who_is_there_and_asks_for_their_tracks() -> None:
    core = joined(someone("PA_1", track("TR_1"), track("TR_9", mime="video/VP9")), someone("PA_2"))
    outputs: list[Any] = core.take()
    assert [
        o.event.participant.sid
        for o in outputs
        if isinstance(o, Emit) and isinstance(o.event, ParticipantJoined)
    ] == ["PA_1", "PA_2"]
    (asked,) = [o.request.subscription for o in outputs if isinstance(o, Send)]
    assert list(asked.track_sids) == ["TR_1"]
    assert asked.subscribe


def test_a_token_that_may_not_receive_asks_for_nothing() -> None:
    me = models.ParticipantInfo(
        sid="PA_me", permission=models.ParticipantPermission(can_publish=True, can_subscribe=False)
    )
    core = RoomCore("ws://one", "token", lambda *_: True)
    core.opened(0)
    core.receive(
        response(join=rtc.JoinResponse(participant=me, other_participants=[someone("PA_1", track("T"))])), 0
    )
    assert requests(core) == []
    assert core.may_publish
    assert not core.may_subscribe


@pytest.mark.parametrize("media_first", [True, False])
def test_media_and_its_announcement_may_come_in_either_order(media_first: bool) -> None:
    core = joined()
    media = object()
    if media_first:
        core.media_arrived("TR_1", media)
    core.receive(update(someone("PA_1", track("TR_1"))), 1)
    if not media_first:
        core.media_arrived("TR_1", media)
    came, subscribed = events(core)
    assert isinstance(came, ParticipantJoined)
    assert isinstance(subscribed, TrackSubscribed)
    assert (subscribed.participant.sid, subscribed.track.sid, subscribed.media) == ("PA_1", "TR_1", media)


def test_a_track_ends_and_its_publisher_leaves() -> None:
    core = joined(someone("PA_1", track("TR_1"), track("TR_2")))
    core.media_arrived("TR_1", 1)
    core.media_arrived("TR_2", 2)
    core.take()
    core.receive(update(someone("PA_1", track("TR_2"))), 1)
    changed, ended = events(core)
    assert isinstance(changed, ParticipantChanged)
    assert isinstance(ended, TrackUnsubscribed)
    assert ended.track.sid == "TR_1"
    gone = models.ParticipantInfo(sid="PA_1", state=models.ParticipantInfo.DISCONNECTED)
    core.receive(update(gone, gone), 2)
    assert [type(event) for event in events(core)] == [TrackUnsubscribed, ParticipantLeft]
    assert core.participants == {}


def test_what_says_nothing_new_or_is_unknown_changes_nothing() -> None:
    core = joined(someone("PA_1"))
    core.take()
    core.receive(update(someone("PA_1"), models.ParticipantInfo()), 1)
    core.receive(response(), 1)
    core.receive(response(speakers_changed=rtc.SpeakersChanged()), 1)
    core.receive(response(trickle=rtc.TrickleRequest(candidateInit="{nonsense")), 1)
    core.receive(response(track_published=rtc.TrackPublishedResponse(cid="nobody's")), 1)
    core.receive(response(join=rtc.JoinResponse(participant=someone("PA_other"))), 1)
    assert core.take() == []
    assert core.local is not None
    assert core.local.sid == "PA_me"


def test_descriptions_and_candidates_go_to_their_connection_in_order() -> None:
    core = joined()
    core.receive(response(offer=rtc.SessionDescription(type="offer", sdp="o", id=3)), 1)
    init = '{"candidate":"candidate:1","sdpMid":"","sdpMLineIndex":0}'
    core.receive(response(trickle=rtc.TrickleRequest(candidateInit=init, target=rtc.SUBSCRIBER)), 1)
    core.receive(response(trickle=rtc.TrickleRequest(target=rtc.PUBLISHER, final=True)), 1)
    core.receive(response(answer=rtc.SessionDescription(type="answer", sdp="a", id=1)), 1)
    offer, candidate, end, answer = core.take()
    assert offer == Negotiate("subscriber", "o", 3)
    assert isinstance(candidate, AddCandidate)
    assert candidate.candidate is not None
    assert (candidate.target, candidate.candidate.sdpMid, candidate.candidate.sdpMLineIndex) == (
        "subscriber",
        None,
        0,
    )
    assert end == AddCandidate("publisher", None)
    assert answer == Negotiate("publisher", "a", 1)


def test_pings_go_out_at_the_servers_pace_and_silence_ends_the_socket() -> None:
    core = joined(ping_interval=2, ping_timeout=6)
    core.take()
    assert core.deadline == 2
    core.tick(1.9)
    assert core.take() == []
    core.tick(2)
    (ping,) = requests(core)
    assert ping.ping_req.timestamp == 2000
    core.receive(response(pong_resp=rtc.Pong(last_ping_timestamp=2000)), 2.08)
    core.tick(4)
    assert requests(core)[0].ping_req.rtt == 80
    core.tick(8.1)
    (hang_up,) = [output for output in core.take() if isinstance(output, HangUp)]
    assert "pings" in str(hang_up.error)
    assert core.lost(hang_up.error, 8.1) == 0
    assert core.resumes == "PA_me"


def test_a_resume_keeps_who_is_there_takes_the_new_token_and_forgets_who_left() -> None:
    core = joined(someone("PA_1", track("TR_1")), someone("PA_2", track("TR_2")))
    core.receive(response(refresh_token="newer"), 1)
    core.media_arrived("TR_1", 1)
    core.publish(rtc.AddTrackRequest(cid="c"))
    core.take()
    assert core.lost(CLOSED, 10) == 0
    assert [type(event) for event in events(core)] == [SignalLost]
    assert (core.token, core.resumes, core.resume_until) == ("newer", "PA_me", 10 + RESUME_LIMIT)
    core.opened(10.5)
    core.receive(response(reconnect=rtc.ReconnectResponse()), 10.5)
    outputs = core.take()
    assert [o.request.add_track.cid for o in outputs if isinstance(o, Send)] == ["c"]  # never answered
    assert [o.event for o in outputs if isinstance(o, Emit)] == [SignalRestored()]
    core.receive(update(someone("PA_1", track("TR_1"), track("TR_3"))), 10.6)
    outputs = core.take()
    assert {type(o.event) for o in outputs if isinstance(o, Emit)} == {ParticipantChanged, ParticipantLeft}
    assert {sid for o in outputs if isinstance(o, Send) for sid in o.request.subscription.track_sids} == {
        "TR_3"
    }
    assert core.participants.keys() == {"PA_1"}


@pytest.mark.parametrize("status", [401, 404])
def test_a_resume_that_is_refused_ends_the_stay(status: int) -> None:
    core = joined()
    core.lost(CLOSED, 1)
    refusal = RoomError("no", status=status)
    assert core.lost(refusal, 2) is None
    assert (core.stay, core.failure) == (Stay.OVER, refusal)


def test_a_resume_is_tried_for_as_long_as_the_server_waits() -> None:
    core, now = joined(), 100.0
    delays = []
    while (delay := core.lost(CLOSED, now)) is not None:
        delays.append(delay)
        now += delay
    assert delays[:3] == [0, 0.25, 0.5]
    assert sum(delays) < RESUME_LIMIT <= sum(delays) + 4
    assert core.failure is CLOSED


def test_joining_is_not_tried_again() -> None:
    core = RoomCore("ws://one", "token", lambda *_: True)
    assert core.lost(CLOSED, 0) is None
    assert core.failure is CLOSED


@pytest.mark.parametrize(
    ("action", "resumes"),
    [
        (rtc.LeaveRequest.DISCONNECT, False),
        (rtc.LeaveRequest.RESUME, True),
        (rtc.LeaveRequest.RECONNECT, False),
    ],
)
def test_a_server_that_says_leave_says_whether_to_come_back(action: Any, resumes: bool) -> None:
    core = joined()
    core.take()
    core.receive(response(leave=rtc.LeaveRequest(reason=models.ROOM_DELETED, action=action)), 1)
    (hang_up,) = [output for output in core.take() if isinstance(output, HangUp)]
    assert hang_up.error.reason == "ROOM_DELETED"
    assert (core.lost(hang_up.error, 1) is not None) is resumes


def test_a_reason_that_is_not_known_yet_is_a_reason_all_the_same() -> None:
    core = joined()
    core.receive(response(leave=rtc.LeaveRequest(reason=99)), 1)  # type: ignore[arg-type]
    assert core.failure is not None
    assert "REASON_99" in str(core.failure)


def test_another_server_is_dialled_but_not_for_ever() -> None:
    core = RoomCore("ws://one", "token", lambda *_: True)
    for number in range(5):
        core.opened(0)
        core.receive(response(join=rtc.JoinResponse(participant=ME, alternative_url=f"ws://{number}")), 0)
        moved = [output for output in core.take() if isinstance(output, HangUp)]
        if not moved:
            break
        assert core.lost(moved[0].error, 0) == 0
        assert core.server == f"ws://{number}"
    assert core.stay is Stay.JOINED
    assert number == 3


def test_a_track_is_announced_named_and_ended() -> None:
    core = joined()
    core.publish(rtc.AddTrackRequest(cid="c"))
    assert requests(core)[0].add_track.cid == "c"
    assert core.announced("c") is None
    core.receive(response(track_published=rtc.TrackPublishedResponse(cid="c", track=track("TR_c"))), 1)
    info = core.announced("c")
    assert info is not None
    assert info.sid == "TR_c"
    core.receive(response(track_unpublished=rtc.TrackUnpublishedResponse(track_sid="TR_c")), 1)
    assert events(core) == [PublicationEnded("TR_c")]


def test_a_track_that_is_refused_says_why() -> None:
    core = joined()
    core.publish(rtc.AddTrackRequest(cid="c"))
    refusal = rtc.RequestResponse(
        reason=rtc.RequestResponse.NOT_ALLOWED, add_track=rtc.AddTrackRequest(cid="c")
    )
    core.receive(response(request_response=refusal), 1)
    with pytest.raises(RoomError, match="NOT_ALLOWED") as caught:
        core.announced("c")
    assert caught.value.code == "LIVEKIT_ROOM_ERROR"
