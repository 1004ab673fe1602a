//! As much of `curl` as Berth's pages use, for machines that have none: plain HTTP, one request.
//!
//! Knows `-s`, `-S`, `-i`, `-X METHOD`, `-H HEADER`, `-d TEXT` or `@FILE` (`--data`, `--data-binary`), `-w FORMAT` with
//! `%{http_code}` and `\n`. Whatever else it is given is an error.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::ExitCode,
};

use anyhow::{Context as _, bail};

#[derive(Default)]
struct Call {
    url: String,
    method: Option<String>,
    headers: Vec<String>,
    body: Option<Vec<u8>>,
    show_head: bool,
    write_out: String,
}

fn main() -> ExitCode {
    match read_arguments(std::env::args().skip(1)).and_then(|call| answer(&call)) {
        Ok(printed) => {
            // Whoever reads this may have gone.
            let _ = std::io::stdout().write_all(&printed);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("curl (stand-in): {error:#}");
            ExitCode::from(7)
        }
    }
}

fn read_arguments(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Call> {
    let mut call = Call::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "-X" | "--request" => call.method = Some(value()?),
            "-H" | "--header" => call.headers.push(value()?),
            "-w" | "--write-out" => call.write_out = value()?,
            "-d" | "--data" => call.body = Some(data(&value()?, true)?),
            "--data-binary" => call.body = Some(data(&value()?, false)?),
            "-i" | "--include" | "-si" | "-is" | "-sSi" | "-isS" => call.show_head = true,
            "-s" | "-S" | "-sS" | "--silent" | "--show-error" => {}
            url if !url.starts_with('-') && call.url.is_empty() => call.url = url.to_owned(),
            unknown => bail!("{unknown} is not known to the stand-in"),
        }
    }
    Ok(call)
}

/// A body as text or from a file; `-d` leaves out a file's ends of lines.
fn data(value: &str, strip: bool) -> anyhow::Result<Vec<u8>> {
    let Some(path) = value.strip_prefix('@') else {
        return Ok(value.as_bytes().to_vec());
    };
    let mut bytes = std::fs::read(path).with_context(|| format!("failed to read {path}"))?;
    if strip {
        bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    }
    Ok(bytes)
}

fn answer(call: &Call) -> anyhow::Result<Vec<u8>> {
    let rest = call.url.strip_prefix("http://").unwrap_or(&call.url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let method = match (&call.method, &call.body) {
        (Some(method), _) => method,
        (None, Some(_)) => "POST",
        (None, None) => "GET",
    };
    let mut head = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for header in &call.headers {
        head.push_str(&format!("{header}\r\n"));
    }
    if let Some(body) = &call.body {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let mut stream = TcpStream::connect(host).with_context(|| format!("failed to connect to {host}"))?;
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(call.body.as_deref().unwrap_or_default())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).context("failed to read the answer")?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = bytes.split_at(end.context("the answer has no head")? + 4);
    let status = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let mut printed = if call.show_head { head.to_vec() } else { Vec::new() };
    printed.extend_from_slice(body);
    let tail = call.write_out.replace("\\n", "\n");
    let tail = tail.replace("%{http_code}", &String::from_utf8_lossy(status));
    printed.extend_from_slice(tail.as_bytes());
    Ok(printed)
}
