//! Credentials: fetched once for all Regions, within a bounded time, and cached until they expire.
//!
//! The SDK would ask the credential source again for each Region and attempt, would leave a hung process behind, and
//! would include the process's output in its error. So this module runs `credential_process` itself and passes the
//! result to the SDK; all other sources are the SDK's own, behind the same interface.

mod process;
mod profile;

use super::accounts::Role;
use super::faults::chain;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::policy::Aws;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::meta::region::ProvideRegion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use profile::Base;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Time limit of a fetch; a call waits for it within its own time limit.
const FETCH_WITHIN: Duration = Duration::from_secs(20);
/// Credentials are refreshed this long before they expire.
const AHEAD: Duration = Duration::from_secs(300);
/// Credentials without an expiry are refreshed after this.
const KEPT_FOR: Duration = Duration::from_secs(900);
/// Minimum time between two fetches: Regions that ask at the same time share one result.
const NOT_AGAIN_FOR: Duration = Duration::from_secs(10);
/// What was fetched this recently is used while it is valid at all.
const SAME_FOR: Duration = Duration::from_secs(1);
/// Credentials are not used this close to their expiry, since a request takes time to arrive; of a short life, a quarter.
const TRAVEL: Duration = Duration::from_secs(10);

/// The only access to the credentials. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct SharedCredentials(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    state: Mutex<State>,
}

/// Where credentials come from.
#[derive(Debug)]
enum Source {
    /// Supplied by the program.
    Given(Credentials),
    /// A role in another account.
    Role(Box<Role>),
    /// The default chain of AWS tools.
    Found { chain: DefaultCredentialsChain, profile: Option<String> },
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    fetched: Option<Instant>,
    failed: Option<Fault>,
}

#[derive(Clone, Debug)]
struct Known {
    credentials: Credentials,
    since: Instant,
    /// AWS said that they have expired.
    refused: bool,
}

impl Known {
    /// Whether a request that is sent now arrives while they are valid.
    fn lasts(&self) -> bool {
        if self.refused {
            return false;
        }
        let Some(end) = self.credentials.expiry() else { return true };
        let left = end.duration_since(SystemTime::now()).unwrap_or_default();
        left > TRAVEL.min((left + self.since.elapsed()) / 4)
    }

    /// Whether they are those of a moment ago: a source that hands out the same until they end is not asked each time.
    fn just_fetched(&self) -> bool {
        !self.refused && self.since.elapsed() < SAME_FOR && self.valid()
    }

    /// Whether the source had no others when AWS refused them.
    fn refused_anew(&self) -> bool {
        self.refused && self.valid()
    }

    /// Whether these are the same.
    fn is(&self, other: &Credentials) -> bool {
        let known = &self.credentials;
        known.access_key_id() == other.access_key_id() && known.session_token() == other.session_token()
    }

    /// Whether they are valid by their own expiry.
    fn valid(&self) -> bool {
        self.credentials.expiry().is_none_or(|end| end > SystemTime::now())
    }

    /// Whether no refresh is needed yet.
    fn fresh(&self) -> bool {
        if self.refused {
            return false;
        }
        match self.credentials.expiry() {
            Some(end) => end > SystemTime::now() + AHEAD,
            None => self.since.elapsed() < KEPT_FOR,
        }
    }
}

impl SharedCredentials {
    /// The program's own credentials if given, otherwise those of the environment, profile, container or instance.
    pub(super) async fn new(aws: &Aws, given: Option<Credentials>, region: impl ProvideRegion + 'static) -> Self {
        let source = match given {
            Some(credentials) => Source::Given(credentials),
            None => {
                let mut chain = DefaultCredentialsChain::builder().region(region);
                if let Some(profile) = &aws.profile {
                    chain = chain.profile_name(profile);
                }
                Source::Found { chain: chain.build().await, profile: aws.profile.clone() }
            }
        };
        Self(Arc::new(Inner { source, state: Mutex::default() }))
    }

    /// Those of a role in another account.
    pub(super) fn assuming(role: Role) -> Self {
        Self(Arc::new(Inner { source: Source::Role(Box::new(role)), state: Mutex::default() }))
    }

    /// AWS refused a request because its credentials have expired: their own expiry, read by this host's clock, is not to
    /// be believed. Returns whether there are others now.
    pub(super) async fn renewed_after_refusal(&self) -> bool {
        {
            let mut state = self.0.state.lock().await;
            let lately = state.fetched.is_some_and(|at| at.elapsed() < NOT_AGAIN_FOR);
            match &mut state.known {
                Some(known) if !lately && !matches!(self.0.source, Source::Given(_)) => {
                    known.refused = true;
                }
                // Another call may have renewed them a moment ago.
                Some(known) if lately => return !known.refused,
                _ => return false,
            }
        }
        if self.get().await.is_err() {
            return false;
        }
        self.0.state.lock().await.known.as_ref().is_some_and(|known| !known.refused)
    }

    /// Valid credentials.
    ///
    /// # Errors
    /// Why there are none; never contains output of a program.
    pub(super) async fn get(&self) -> Result<Credentials, Fault> {
        if let Ok(state) = self.0.state.try_lock()
            && let Some(known) = state.known.as_ref().filter(|known| known.fresh())
        {
            return Ok(known.credentials.clone());
        }
        let inner = self.0.clone();
        // In its own task, so that it completes even if the caller stops waiting.
        let got = tokio::spawn(async move { inner.get().await }).await;
        got.unwrap_or_else(|_| Err(fault("the source of credentials failed within this program; the log says more")))
    }
}

impl Inner {
    async fn get(&self) -> Result<Credentials, Fault> {
        // Locked during a fetch: concurrent callers get its result.
        let mut state = self.state.lock().await;
        let lately = state.fetched.is_some_and(|at| at.elapsed() < NOT_AGAIN_FOR);
        if let Some(known) = &state.known
            && (known.fresh() || (lately && (known.lasts() || known.refused_anew())) || known.just_fetched())
        {
            return Ok(known.credentials.clone());
        }
        if let Some(failed) = state.failed.as_ref().filter(|_| lately) {
            return Err(failed.clone());
        }
        let fetched = match timeout(FETCH_WITHIN, self.source.fetch()).await {
            Ok(fetched) => fetched,
            Err(_) => Err(match &self.source {
                Source::Role(role) => role.unanswered(),
                _ => fault("the source of credentials does not answer"),
            }),
        };
        state.fetched = Some(Instant::now());
        state.failed = fetched.as_ref().err().cloned();
        match fetched {
            Ok(credentials) => {
                let refused = state.known.as_ref().is_some_and(|known| known.refused && known.is(&credentials));
                state.known = Some(Known { credentials: credentials.clone(), since: Instant::now(), refused });
                Ok(credentials)
            }
            // Credentials about to expire are still valid, and so are those that one Region refused, for all that is known.
            Err(fault) => match state.known.as_ref().filter(|known| known.valid()) {
                Some(known) => Ok(known.credentials.clone()),
                None => Err(fault),
            },
        }
    }
}

impl Source {
    async fn fetch(&self) -> Result<Credentials, Fault> {
        match self {
            Self::Given(credentials) => Ok(credentials.clone()),
            Self::Role(role) => role.assume().await,
            Self::Found { chain: found, profile } => match profile::base(profile.as_deref()).await {
                Some(Base { command, roles }) => {
                    let base = process::run(&command).await.map_err(|why| fault(&why))?;
                    match roles {
                        None => Ok(base),
                        Some(roles) => roles.assume(&base).await.map_err(|error| fault(&chain(&error))),
                    }
                }
                None => found.provide_credentials().await.map_err(|error| fault(&chain(&error))),
            },
        }
    }
}

fn fault(text: &str) -> Fault {
    Fault::new(FaultClass::Credentials, "NoCredentials", text)
}

impl ProvideCredentials for SharedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let got = async {
            let got: provider::Result =
                self.get().await.map_err(|fault| CredentialsError::provider_error(fault.message));
            got
        };
        future::ProvideCredentials::new(got)
    }
}
