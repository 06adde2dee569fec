//! The controls of a running simulator, separate from AWS's protocol:
//!
//! | request | does |
//! |---|---|
//! | `GET /_books` | everything that happened in the cloud, as JSON: [`Inventory`](super::super::cloud::Inventory) |
//! | `GET /_faults` | the faults and settings in force, as JSON |
//! | `PUT /_faults` | replaces them (TOML); their timetable starts again |
//! | `POST /_seed` | adds a fleet (TOML, see [`fleet`](super::super::fleet)); returns the ids as JSON |

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::super::faults::Faults;
use super::super::fleet::Fleet;
use super::{Shared, epoch_ms, plain};

pub(super) fn respond(head: &Parts, body: &[u8], shared: &Shared) -> Response<Full<Bytes>> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    match (head.method.as_str(), head.uri.path()) {
        ("GET", "/_books") => json(&shared.cloud().inventory(epoch_ms())),
        ("GET", "/_faults") => {
            let cloud = shared.cloud();
            json(&Faults { cloud: Some(cloud.settings().clone()), ..cloud.faults().clone() })
        }
        ("PUT", "/_faults") => match Faults::from_toml(text) {
            Ok(faults) => {
                shared.cloud().set_faults(faults, Some(epoch_ms()));
                plain(StatusCode::NO_CONTENT, "")
            }
            Err(what) => plain(StatusCode::BAD_REQUEST, what),
        },
        ("POST", "/_seed") => {
            match Fleet::from_toml(text).and_then(|fleet| fleet.populate(&mut shared.cloud(), epoch_ms())) {
                Ok(ids) => json(&ids),
                Err(what) => plain(StatusCode::BAD_REQUEST, what),
            }
        }
        _ => {
            plain(StatusCode::NOT_FOUND, "The controls are GET /_books, GET /_faults, PUT /_faults and POST /_seed.\n")
        }
    }
}

fn json(value: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let mut response = plain(StatusCode::OK, bytes);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
