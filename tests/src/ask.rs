//! One request in proper HTTP.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Future, IntoFuture},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{
    Method, Request,
    body::{Bytes, Frame},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{Answer, key, within_patience};

type Body = BoxBody<Bytes, Infallible>;

/// A request to be made: a POST with the tenant's primary key, unless told otherwise. Awaiting it makes it, over a
/// connection of its own.
#[derive(Debug, Clone)]
pub struct Ask {
    address: SocketAddr,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    chunked: bool,
}

impl Ask {
    pub(crate) fn policy(address: SocketAddr, policy: &str) -> Self {
        let tenant = policy.split('/').next().unwrap_or_default();
        Self::path(address, &format!("/allocate/{policy}?code={}", key(tenant)))
    }

    /// A request without a key for this path: POST, unless it is told otherwise.
    #[must_use]
    pub fn path(address: SocketAddr, path: &str) -> Self {
        Self {
            address,
            method: Method::POST,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            chunked: false,
        }
    }

    /// With this body.
    #[must_use]
    pub fn with(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With the body in pieces, its length not said beforehand.
    #[must_use]
    pub fn in_chunks(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// With another method than POST.
    #[must_use]
    pub fn by(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without any key.
    #[must_use]
    pub fn without_key(mut self) -> Self {
        self.path = self.path.split('?').next().unwrap_or_default().to_owned();
        self
    }

    /// With this query in place of the key.
    #[must_use]
    pub fn query(self, query: &str) -> Self {
        let mut ask = self.without_key();
        ask.path = format!("{}?{query}", ask.path);
        ask
    }

    /// With this key in the header that Azure Functions knows, and none in the query.
    #[must_use]
    pub fn with_header_key(self, key: &str) -> Self {
        self.without_key().header("x-functions-key", key)
    }

    fn request(self) -> Request<Body> {
        let mut request =
            Request::builder().method(self.method).uri(self.path).header("host", self.address.to_string());
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let body = if self.chunked {
            Pieces(self.body.chunks(1000).map(Bytes::copy_from_slice).collect()).boxed()
        } else {
            Full::from(self.body).boxed()
        };
        request.body(body).expect("a request")
    }
}

impl IntoFuture for Ask {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Connection::to(self.address).await.asks(self).await })
    }
}

/// A connection that is kept for several requests.
pub struct Connection(SendRequest<Body>);

impl Connection {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server accepts connections");
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        Self(sender)
    }

    /// Makes a request and awaits its answer.
    ///
    /// # Panics
    ///
    /// If there is no whole answer.
    pub async fn asks(&mut self, ask: Ask) -> Answer {
        let exchange = async {
            self.0.ready().await?;
            let (head, body) = self.0.send_request(ask.request()).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        within_patience("an answer", exchange).await.expect("a whole answer")
    }
}

/// A body of unknown length, piece by piece.
struct Pieces(VecDeque<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}
