//! The control socket: orders from people on this host, as HTTP over a Unix socket.
//!
//! The permissions of the socket file decide who may give orders, so there are no passwords and no port. An order goes
//! to the loop, which commits it, and the response contains the result; read-only requests are served as on `listen`.
//! As there, a client can only use a bounded amount of memory and time.

mod socket;

pub use socket::{SocketError, SocketFile, bind};

use super::command::{Answered, Command, OrderError, Reloaded};
use crate::domain::counted::counted;
use crate::domain::fault::clean;
use crate::planner::orders::{Order, RefusalKind};
use crate::report::http::listener::{self, Caller, Handler};
use crate::report::http::{BoxFuture, JSON, ReadApi, StatusProvider, refused, respond};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

const BOUNDS: listener::Bounds = listener::Bounds {
    connections: 32,
    headers: Duration::from_secs(5),
    header_bytes: 16 * 1024,
    lifetime: Duration::from_secs(120),
    last_answer: Duration::from_secs(60),
    shutdown: Duration::from_secs(2),
};
/// Maximum size of an order; the largest takes some hundred bytes.
const BODY_MAX_BYTES: usize = 16 * 1024;
/// Maximum length of an error message about an order.
const WRONG_MAX_CHARS: usize = 300;
/// Time limit for receiving a body.
const BODY_WITHIN: Duration = Duration::from_secs(5);
/// Time limit for the loop to process an order. A commit to a slow disk takes seconds, not minutes.
const LOOP_WITHIN: Duration = Duration::from_secs(45);

/// The paths that take orders.
const ORDERS: [&str; 7] = [
    "/api/v1/reload",
    "/api/v1/backup",
    "/api/v1/cancel",
    "/api/v1/pause",
    "/api/v1/resume",
    "/api/v1/hold",
    "/api/v1/release",
];

/// What to reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReloadOrder {
    /// Confirm the deletions that the brake holds back.
    #[serde(default)]
    pub confirm_deletions: bool,
}

/// The response to an accepted order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneAnswer {
    /// The result, in words.
    pub done: String,
    /// Further information for the person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The sources whose occurrence was ordered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// For a hold or release: whether AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands: Option<bool>,
    /// If AWS does not show it: the refusal that only a person can resolve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barred: Option<String>,
}

/// Serves until `shutdown` is ready; `file` is removed before this returns.
pub async fn serve(
    listener: UnixListener,
    file: SocketFile,
    view: Arc<dyn StatusProvider>,
    commands: mpsc::Sender<Command>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let control_api = ControlApi { read_api: ReadApi::new(view), commands };
    let ending = async {
        shutdown.await;
        // New clients must not find the socket any more; connected clients still get a response.
        drop(file);
    };
    let bounds = listener::Bounds { connections: listener::affordable(BOUNDS.connections), ..BOUNDS };
    listener::serve(bounds, listener, Arc::new(control_api), ending).await;
}

/// Takes orders.
struct ControlApi {
    read_api: ReadApi,
    commands: mpsc::Sender<Command>,
}

impl Handler for ControlApi {
    fn answer(&self, caller: Caller, request: Request<Incoming>) -> BoxFuture<'_, Response<Full<Bytes>>> {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            if !ORDERS.contains(&path.as_str()) {
                return self.read_api.page(request).await;
            }
            if *request.method() != Method::POST {
                let mut answer = refused(StatusCode::METHOD_NOT_ALLOWED, "an order is given with POST");
                answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
                return answer;
            }
            match self.take(&path, caller, request.into_body()).await {
                Ok(done) => respond(StatusCode::OK, JSON, serde_json::to_vec(&done).unwrap_or_default()),
                Err((status, why)) => refused(status, &why),
            }
        })
    }
}

type Taken = Result<DoneAnswer, (StatusCode, String)>;

impl ControlApi {
    async fn take(&self, path: &str, caller: Caller, body: Incoming) -> Taken {
        let body = match timeout(BODY_WITHIN, Limited::new(body, BODY_MAX_BYTES).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return Err((StatusCode::PAYLOAD_TOO_LARGE, format!("an order has at most {BODY_MAX_BYTES} bytes")));
            }
            Ok(Err(error)) => return Err((StatusCode::BAD_REQUEST, format!("the order did not arrive: {error}"))),
            Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the order did not arrive in time".to_owned())),
        };
        let order = match path {
            "/api/v1/reload" if body.is_empty() => return self.reload(ReloadOrder::default()).await,
            "/api/v1/reload" => return self.reload(read(&body)?).await,
            "/api/v1/backup" => Order::Backup(read(&body)?),
            "/api/v1/cancel" => Order::Cancel(read(&body)?),
            "/api/v1/pause" => Order::Pause(read(&body)?),
            "/api/v1/resume" => Order::Resume(read(&body)?),
            "/api/v1/hold" => Order::Hold(read(&body)?),
            _ => Order::Release(read(&body)?),
        };
        let of_hold = matches!(order, Order::Hold(_) | Order::Release(_));
        let answered: Answered = self.ask(|reply| Command::Order { order, caller, reply }).await?;
        let granted = answered.map_err(|why| (status(&why), why.to_string()))?;
        Ok(DoneAnswer {
            done: granted.says,
            warnings: Vec::new(),
            sources: granted.sources.iter().map(ToString::to_string).collect(),
            stands: of_hold.then_some(granted.stands),
            barred: granted.barred,
        })
    }

    async fn reload(&self, order: ReloadOrder) -> Taken {
        let confirm_deletions = order.confirm_deletions;
        match self.ask(|reply| Command::Reload { confirm_deletions, reply: Some(reply) }).await? {
            Reloaded::Refused(problems) => Err((StatusCode::UNPROCESSABLE_ENTITY, problems)),
            Reloaded::TookOver { policies, sources, warnings, confirmed } => {
                let mut done = {
                    let (policies, sources) = (counted(policies, "policy"), counted(sources, "source"));
                    format!("the policy took over: {policies}, {sources}")
                };
                match confirmed {
                    None => {}
                    Some(Ok(says)) => done = format!("{done}; {says}"),
                    Some(Err(why)) => return Err((status(&why), format!("{done}; but nothing is confirmed: {why}"))),
                }
                Ok(DoneAnswer { done, warnings, ..DoneAnswer::default() })
            }
        }
    }

    /// Sends a command to the loop and waits for its response.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, (StatusCode, String)> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.commands.send(command(reply)).await.ok()?;
            answer.await.ok()
        };
        match timeout(LOOP_WITHIN, asked).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err((StatusCode::SERVICE_UNAVAILABLE, "the daemon is ending".to_owned())),
            Err(_) => {
                let why = "the daemon is busy; it is not known whether the order stands: give it again";
                Err((StatusCode::GATEWAY_TIMEOUT, why.to_owned()))
            }
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, (StatusCode, String)> {
    // The message quotes the request, which may be long and contain terminal escape sequences.
    let shown = |error: serde_json::Error| clean(&error.to_string(), WRONG_MAX_CHARS);
    serde_json::from_slice(body)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("this is no such order: {}", shown(error))))
}

fn status(why: &OrderError) -> StatusCode {
    match why {
        OrderError::NotRecorded(_) => StatusCode::SERVICE_UNAVAILABLE,
        OrderError::Contradicts => StatusCode::INTERNAL_SERVER_ERROR,
        OrderError::Refused(refusal) => match refusal.kind {
            RefusalKind::Unknown => StatusCode::NOT_FOUND,
            RefusalKind::Invalid => StatusCode::BAD_REQUEST,
            RefusalKind::NotNow => StatusCode::CONFLICT,
        },
    }
}
