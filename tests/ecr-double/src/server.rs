//! Listeners on 127.0.0.1 and their connections.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::body::Body;
use crate::names::RegistryId;
use crate::world::World;
use crate::{api, control, relay, s3, v2};

/// What a listener stands for.
#[derive(Debug, Clone)]
pub(crate) enum Surface {
    Api,
    V2(RegistryId),
    S3,
    Control,
    Sts,
}

/// Whether the connection is to be reset. Set by faults.
pub(crate) type ResetFlag = Arc<AtomicBool>;

/// Opens a listener and serves it until the runtime ends. Answers the port.
pub(crate) fn listen(world: &Arc<World>, surface: Surface, port: u16) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let _entered = world.runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let world = Arc::clone(world);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(connection(Arc::clone(&world), surface.clone(), stream));
        }
    });
    Ok(port)
}

async fn connection(world: Arc<World>, surface: Surface, stream: TcpStream) {
    let reset = ResetFlag::default();
    let wire = Wire { stream: TokioIo::new(stream), reset: Arc::clone(&reset) };
    let service = service_fn(|request| {
        let (world, surface, reset) = (Arc::clone(&world), surface.clone(), Arc::clone(&reset));
        async move {
            match answer(world, surface, request).await {
                Some(response) => Ok(response),
                None => {
                    reset.store(true, Ordering::SeqCst);
                    Err(io::Error::from(io::ErrorKind::ConnectionReset))
                }
            }
        }
    });
    // An error here is a client that went away, or a fault that was asked for.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(wire, service).await;
}

async fn answer(world: Arc<World>, surface: Surface, request: Request<Incoming>) -> Option<Response<Body>> {
    match surface {
        Surface::Api => api::handle(world, request).await,
        Surface::V2(registry) => v2::handle(world, registry, request).await,
        Surface::S3 => s3::handle(world, request).await,
        Surface::Control => Some(control::handle(world, request).await),
        Surface::Sts => Some(relay::handle(&world, request).await),
    }
}

/// A connection that can end in a reset instead of an orderly close.
struct Wire {
    stream: TokioIo<TcpStream>,
    reset: ResetFlag,
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.load(Ordering::SeqCst) {
            let _ = self.stream.inner().set_zero_linger();
        }
    }
}

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
