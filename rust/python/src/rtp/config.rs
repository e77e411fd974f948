//! What was agreed for a stream, from the words of Python.

use super::{maybe_whole, whole};
use crate::args::{items, words};
use crate::error::invalid;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use realtime_fast_core::rtp::config::{Codec, Deliver, ExtensionIds, Feedback, Kind, ReceiveCodec, Rtx};

words!(CodecArg(Codec), "codec": "vp8" = Codec::Vp8, "h264" = Codec::H264, "opus" = Codec::Opus);
words!(KindArg(Kind), "kind": "audio" = Kind::Audio, "video" = Kind::Video);
words!(DeliverArg(Deliver), "way to deliver": "media" = Deliver::Media, "packets" = Deliver::Packets);

/// The word of a codec.
pub fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Vp8 => "vp8",
        Codec::H264 => "h264",
        Codec::Opus => "opus",
    }
}

/// Payload type and SSRC of the retransmissions.
pub fn rtx(pair: Option<(Bound<'_, PyAny>, Bound<'_, PyAny>)>) -> PyResult<Option<Rtx>> {
    pair.map(|(payload_type, ssrc)| {
        Ok(Rtx { payload_type: whole("rtx payload_type", &payload_type)?, ssrc: whole("rtx ssrc", &ssrc)? })
    })
    .transpose()
}

/// Payload type, codec, clock rate, payload type of the retransmissions.
pub type CodecDescription<'py> = (Bound<'py, PyAny>, CodecArg, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>);

/// The payload types that may arrive.
pub fn codecs(descriptions: Vec<CodecDescription<'_>>) -> PyResult<Vec<ReceiveCodec>> {
    descriptions
        .into_iter()
        .map(|(payload_type, codec, clock_rate, rtx)| {
            Ok(ReceiveCodec {
                payload_type: whole("payload_type", &payload_type)?,
                codec: codec.0,
                clock_rate: whole("clock_rate", &clock_rate)?,
                rtx_payload_type: maybe_whole("rtx_payload_type", rtx.as_ref())?,
            })
        })
        .collect()
}

/// Ids of header extensions by their names.
pub fn extensions(ids: Option<&Bound<'_, PyDict>>) -> PyResult<ExtensionIds> {
    let mut extensions = ExtensionIds::default();
    let Some(ids) = ids else { return Ok(extensions) };
    for item in items(ids)? {
        let (name, id) = item?;
        let slot = match name.extract::<&str>() {
            Ok("mid") => &mut extensions.mid,
            Ok("abs_send_time") => &mut extensions.abs_send_time,
            Ok("transport_cc") => &mut extensions.transport_cc,
            Ok("audio_level") => &mut extensions.audio_level,
            Ok("video_orientation") => &mut extensions.video_orientation,
            Ok("playout_delay") => &mut extensions.playout_delay,
            Ok("capture_time") => &mut extensions.capture_time,
            _ => {
                return Err(invalid(format!(
                    "extensions: expected 'mid', 'abs_send_time', 'transport_cc', 'audio_level', \
                     'video_orientation', 'playout_delay' or 'capture_time', got {}",
                    name.repr()?
                )));
            }
        };
        *slot = match whole::<u8>("extension id", &id)? {
            0 => return Err(invalid("extension id: expected 1 to 255, got 0")),
            id => Some(id),
        };
    }
    Ok(extensions)
}

/// Kinds of feedback by their names.
pub fn feedback(names: Option<&Bound<'_, PyAny>>) -> PyResult<Feedback> {
    let mut feedback = Feedback::default();
    let Some(names) = names else { return Ok(feedback) };
    for name in names.try_iter()? {
        let name = name?;
        let agreed = match name.extract::<&str>() {
            Ok("nack") => &mut feedback.nack,
            Ok("pli") => &mut feedback.pli,
            Ok("fir") => &mut feedback.fir,
            Ok("remb") => &mut feedback.remb,
            Ok("transport_cc") => &mut feedback.transport_cc,
            Ok("reduced_size") => &mut feedback.reduced_size,
            _ => {
                return Err(invalid(format!(
                    "feedback: expected 'nack', 'pli', 'fir', 'remb', 'transport_cc' or 'reduced_size', got {}",
                    name.repr()?
                )));
            }
        };
        *agreed = true;
    }
    Ok(feedback)
}
