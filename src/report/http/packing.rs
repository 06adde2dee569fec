//! Compresses responses for clients that accept gzip: metrics and snapshots of a large fleet are megabytes of
//! repetitive text.

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{self, HeaderMap, HeaderValue};
use std::io::Write as _;

/// A smaller response fits into one packet and is sent as it is.
const WORTH_IT_BYTES: usize = 1400;

/// A response body, compressed or not.
pub(super) struct Packed {
    pub(super) body: Vec<u8>,
    pub(super) gzip: bool,
}

/// Compresses a body if the client accepts that and it is worth it. This takes time for a large one.
pub(super) fn pack(body: Vec<u8>, gzip: bool) -> Packed {
    if !gzip || body.len() < WORTH_IT_BYTES {
        return Packed { body, gzip: false };
    }
    let mut packer = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    match packer.write_all(&body).and_then(|()| packer.finish()) {
        Ok(packed) if packed.len() < body.len() => Packed { body: packed, gzip: true },
        _ => Packed { body, gzip: false },
    }
}

/// Whether a client accepts gzip (RFC 9110, 12.5.3).
pub(super) fn taken(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any) = (None, None);
    for value in headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()) {
        for offer in value.split(',') {
            let mut parts = offer.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let good = weight.is_none_or(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0));
            if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
                gzip = Some(good);
            } else if name == "*" {
                any = Some(good);
            }
        }
    }
    gzip.or(any).unwrap_or(false)
}

/// Sets the headers for the encoding, and that it depends on the client.
pub(super) fn mark(headers: &mut HeaderMap, gzip: bool) {
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_offered_and_not_refused() {
        for (offered, takes) in [
            (None, false),
            (Some(""), false),
            (Some("gzip"), true),
            (Some("deflate, GZIP;q=0.5, br"), true),
            (Some("gzip;q=0"), false),
            (Some("gzip; q=0.000, *"), false),
            (Some("*"), true),
            (Some("*;q=0"), false),
            (Some("br, identity"), false),
            (Some("gzip;q=x"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(offered.map(|offered| (header::ACCEPT_ENCODING, HeaderValue::from_static(offered))));
            assert_eq!(taken(&headers), takes, "{offered:?}");
        }
    }
}
