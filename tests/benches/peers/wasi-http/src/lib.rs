//! The rule of by-model as a component for `wasmtime serve`: the handler speaks HTTP itself, through WASI.

use wasip2::{
    exports::http::incoming_handler::Guest,
    http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
    io::streams::StreamError,
};

struct Handler;

wasip2::http::proxy::export!(Handler);

/// Bytes that are read or written in one call: WASI takes no more.
const PIECE: usize = 4096;

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let answer = rule::by_model(&read(&request), rule::model);
        let (status, kind, body) = match answer {
            Ok(json) => (200, "application/json", json),
            Err(reason) => (403, "text/plain", reason.into_bytes()),
        };
        let headers = [("content-type", kind.to_owned()), ("content-length", body.len().to_string())];
        let fields: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value.into_bytes())).into();
        let response = OutgoingResponse::new(Fields::from_list(&fields).expect("proper fields"));
        response.set_status_code(status).expect("a proper status");
        write(response, out, &body);
    }
}

fn read(request: &IncomingRequest) -> Vec<u8> {
    let body = request.consume().expect("a body that nobody took");
    let stream = body.stream().expect("a stream that nobody took");
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(PIECE as u64) {
            Ok(piece) => all.extend(piece),
            Err(StreamError::Closed) => return all,
            Err(StreamError::LastOperationFailed(error)) => panic!("{}", error.to_debug_string()),
        }
    }
}

fn write(response: OutgoingResponse, out: ResponseOutparam, bytes: &[u8]) {
    let body = response.body().expect("a body that nobody took");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("a stream that nobody took");
    for piece in bytes.chunks(PIECE) {
        stream.blocking_write_and_flush(piece).expect("a host that takes the answer");
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("an answer of the length that was told");
}
