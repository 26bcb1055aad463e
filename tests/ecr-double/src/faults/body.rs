//! Faults in the body of an answer.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, HeaderValue, LOCATION};
use tokio::time::{Sleep, sleep};

use super::Fault;
use crate::body::{Body, empty};

/// Applies a fault that concerns the answer rather than the request.
pub(crate) fn apply(fault: &Fault, response: Response<Body>) -> Response<Body> {
    let (mut parts, mut body) = response.into_parts();
    let length = HttpBody::size_hint(&body).exact();
    match fault {
        Fault::CutBody { .. } | Fault::StallBody { .. } | Fault::FlipByte { .. } => {
            if let (Some(length), false) = (length, parts.headers.contains_key(CONTENT_LENGTH)) {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            body = Troubled::wrap(body, fault.clone());
        }
        Fault::ContentLength { length } => {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(*length));
            body = Troubled::wrap(body, fault.clone());
        }
        Fault::Location { url } => {
            if let Ok(url) = HeaderValue::from_str(url) {
                parts.headers.insert(LOCATION, url);
            }
        }
        _ => {}
    }
    Response::from_parts(parts, body)
}

struct Troubled {
    inner: Body,
    fault: Fault,
    sent: u64,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Troubled {
    fn wrap(inner: Body, fault: Fault) -> Body {
        Self { inner, fault, sent: 0, pause: None }.boxed_unsync()
    }

    /// Lets hyper flush, so that what was sent arrives before the connection breaks.
    fn pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(Duration::from_millis(20))));
        pause.as_mut().poll(cx)
    }

    /// What is left of a piece, and whether the body ends in trouble after it.
    fn pass(&self, data: Bytes) -> (Bytes, bool) {
        let length = data.len() as u64;
        match self.fault {
            Fault::CutBody { after } | Fault::StallBody { after } if self.sent + length >= after => {
                let keep = usize::try_from(after - self.sent).unwrap_or(usize::MAX);
                (data.slice(..keep.min(data.len())), true)
            }
            Fault::FlipByte { at } if (self.sent..self.sent + length).contains(&at) => {
                let mut bytes = BytesMut::from(data.as_ref());
                if let Some(byte) = usize::try_from(at - self.sent).ok().and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1;
                }
                (bytes.freeze(), false)
            }
            _ => (data, false),
        }
    }
}

impl HttpBody for Troubled {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.fault {
            Fault::CutBody { after } if self.sent >= after => {
                if self.pause(cx).is_pending() {
                    return Poll::Pending;
                }
                return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
            }
            // Nobody wakes this: it stalls until the client goes away or the double stops.
            Fault::StallBody { after } if self.sent >= after => return Poll::Pending,
            _ => {}
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let (Poll::Ready(None), Fault::ContentLength { .. }) = (&polled, &self.fault) {
            return self.pause(cx).map(|()| None);
        }
        let Poll::Ready(Some(Ok(frame))) = polled else {
            return polled;
        };
        let Ok(data) = frame.into_data() else {
            return Poll::Ready(None);
        };
        let (data, troubled) = self.pass(data);
        self.sent += data.len() as u64;
        if troubled && data.is_empty() {
            self.inner = empty();
            return self.poll_frame(cx);
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
