//! The byte stream of a connection, TCP or TLS, with two hooks: writes can be cut into pieces, reads can be watched.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::ws_tap::Tap;

/// Any transport below MQTT or WebSocket.
pub trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// How writes are cut; shared with whoever sets the fault.
#[derive(Default)]
pub struct Shape {
    pieces: Mutex<Option<(usize, Duration)>>,
    half_close: AtomicBool,
}

impl Shape {
    /// From now on every write is cut into pieces of `size` bytes with `pause` between them.
    pub fn fragment(&self, size: usize, pause: Duration) {
        *self.pieces.lock() = Some((size.max(1), pause));
    }

    /// The next flush also ends the sending side. This way the WebSocket library adds no close frame.
    pub fn half_close(&self) {
        self.half_close.store(true, Ordering::Relaxed);
    }
}

/// A transport with the hooks.
pub struct Stream {
    inner: Box<dyn Transport>,
    shape: Arc<Shape>,
    pause: Option<Pin<Box<Sleep>>>,
    tap: Option<Arc<Tap>>,
}

impl Stream {
    pub fn new(inner: Box<dyn Transport>, shape: Arc<Shape>) -> Stream {
        Stream { inner, shape, pause: None, tap: None }
    }

    /// Everything read from now on is also shown to the tap.
    pub fn watch(&mut self, tap: Arc<Tap>) {
        self.tap = Some(tap);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if let (Some(tap), Some(new)) = (&self.tap, buf.filled().get(before..)) {
            tap.observe(new);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let Some((size, pause)) = *self.shape.pieces.lock() else {
            return Pin::new(&mut self.inner).poll_write(cx, data);
        };
        if let Some(timer) = &mut self.pause {
            ready!(timer.as_mut().poll(cx));
            self.pause = None;
        }
        let piece = data.get(..size).unwrap_or(data);
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, piece))?;
        // Each piece must leave by itself, not wait in a buffer for the next one.
        if let Poll::Ready(Err(e)) = Pin::new(&mut self.inner).poll_flush(cx) {
            return Poll::Ready(Err(e));
        }
        if !pause.is_zero() {
            self.pause = Some(Box::pin(tokio::time::sleep(pause)));
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        if self.shape.half_close.load(Ordering::Relaxed) {
            return Pin::new(&mut self.inner).poll_shutdown(cx);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
