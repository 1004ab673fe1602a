//! Bodies in chunks, well and badly formed.

use super::{SERVERS, attacks, decides, ends_too_early, fails, line};
use berth_tests::bodies as sent;

/// A request whose body is these bytes, said to be chunks.
fn chunks(body: &str) -> String {
    format!("{}host: berth\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{body}", line())
}

/// The body as it should be, with this between size and line's end of its one chunk, and this behind the last.
fn with(extension: &str, trailers: &str) -> String {
    chunks(&format!("{:x}{extension}\r\n{}\r\n0\r\n{trailers}\r\n", sent::first().len(), sent::first()))
}

fn byte_by_byte() -> String {
    let bytes: String = sent::first().chars().map(|one| format!("1\r\n{one}\r\n")).collect();
    chunks(&format!("{bytes}0\r\n\r\n"))
}

attacks! { SERVERS:
    a_chunk_for_every_byte => decides(byte_by_byte(), 1);
    no_chunk_at_all => fails(chunks("0\r\n\r\n"), 400, "malformed-request");
    a_size_that_is_no_number => fails(chunks("x\r\n\r\n"), 400, "malformed-request");
    a_size_that_is_missing => fails(chunks("\r\n\r\n"), 400, "malformed-request");
    a_size_below_zero => fails(chunks("-1\r\nx\r\n0\r\n\r\n"), 400, "malformed-request");
    a_size_beyond_64_bits => fails(chunks("1ffffffffffffffff\r\nx\r\n0\r\n\r\n"), 400, "malformed-request");
    a_size_with_a_prefix => fails(chunks("0x5\r\n12345\r\n0\r\n\r\n"), 400, "malformed-request");
    a_size_of_64_bits => ends_too_early(chunks("ffffffffffffffff\r\n{"));
    a_size_with_a_thousand_zeros => fails(chunks(&format!("{}5\r\n12345\r\n0\r\n\r\n", "0".repeat(1000))), 400, "malformed-request");
    a_size_that_is_too_small => fails(chunks("2\r\n12345\r\n0\r\n\r\n"), 400, "malformed-request");
    a_size_that_is_too_large => ends_too_early(chunks("ff\r\n{}\r\n0\r\n\r\n"));
    a_chunk_that_ends_in_a_bare_line_feed => fails(chunks("2\r\n{}\n0\r\n\r\n"), 400, "malformed-request");
    a_chunk_without_an_end => ends_too_early(chunks("2\r\n{}"));
    a_last_chunk_that_is_missing => ends_too_early(chunks("2\r\n{}\r\n"));
    an_extension_to_a_chunk => decides(with(";name=\"value\"", ""), 1);
    an_extension_of_20_kibibytes => fails(with(&format!(";{}", "a".repeat(20 << 10)), ""), 400, "malformed-request");
    an_extension_with_a_line_feed => fails(with(";a\nb", ""), 400, "malformed-request");
    a_trailer => decides(with("", "x-a: b\r\n"), 1);
    a_trailer_that_forges_a_length => decides(with("", "content-length: 5\r\nhost: evil.example\r\n"), 1);
    ten_thousand_trailers => fails(with("", &"x-a: b\r\n".repeat(10_000)), 400, "malformed-request");
    a_trailer_of_a_hundred_kibibytes => fails(with("", &format!("x-a: {}\r\n", "b".repeat(100 << 10))), 400, "malformed-request");
    a_trailer_with_a_nul => fails(with("", "x-a: \0\r\n"), 400, "malformed-request");
    half_a_mebibyte_in_small_chunks => fails(chunks(&"8\r\n12345678\r\n".repeat(1 << 16)), 413, "body-too-large");
}
