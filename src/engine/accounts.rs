//! Other accounts: which credentials a call to an account and Region uses.
//!
//! The daemon's own account uses the credentials that every AWS tool would find; another one uses those of a role that
//! the policy file names, from STS. Each Region has a session of its own, from STS in that Region: an outage of one
//! Region must not lock Lifeboat out of an account in all others.

use super::credentials::SharedCredentials;
use super::faults::{Said, causes, chain, classify};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{AccountId, AccountRegion};
use crate::domain::policy::Account;
use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The environment variable for the endpoint of STS.
const ENDPOINT_OF_STS: &str = "AWS_ENDPOINT_URL_STS";
/// STS's limit on the name of a session.
const SESSION_NAME_MAX_CHARS: usize = 64;

/// The codes with which AWS refuses expired credentials.
const EXPIRED: [&str; 2] = ["ExpiredToken", "ExpiredTokenException"];
/// A call refused with one of them is repeated only if it was refused this soon, to end within its time.
const RENEWED_WITHIN: Duration = Duration::from_secs(10);

/// A role in another account, and how to reach STS.
#[derive(Clone, Debug)]
pub(super) struct Role {
    account: Account,
    /// With the daemon's own credentials.
    config: SdkConfig,
}

/// The credentials for each account and Region.
pub(super) struct AccountCredentials {
    own: SharedCredentials,
    /// The daemon's own, once it is known.
    own_account: Mutex<Option<AccountId>>,
    accounts: BTreeMap<AccountId, Account>,
    config: SdkConfig,
    sessions: Mutex<BTreeMap<AccountRegion, SharedCredentials>>,
}

impl AccountCredentials {
    /// `config` has the daemon's own credentials. Where the policy file names an endpoint, STS is there too, unless the
    /// environment names another.
    pub(super) fn new(
        own: SharedCredentials,
        own_account: Option<AccountId>,
        accounts: BTreeMap<AccountId, Account>,
        config: &SdkConfig,
        endpoint_url: Option<&str>,
    ) -> Self {
        let mut builder = config.clone().into_builder().identity_cache(IdentityCache::no_cache());
        if let Some(url) = endpoint_url.filter(|_| std::env::var_os(ENDPOINT_OF_STS).is_none()) {
            builder = builder.endpoint_url(url);
        }
        Self {
            own,
            own_account: Mutex::new(own_account),
            accounts,
            config: builder.build(),
            sessions: Mutex::default(),
        }
    }

    /// The daemon's own.
    pub(super) fn own(&self) -> &SharedCredentials {
        &self.own
    }

    /// A response has named the daemon's own account.
    pub(super) fn own_account_is(&self, id: &AccountId) {
        *self.own_account.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
    }

    /// The credentials for an account and Region.
    ///
    /// # Errors
    /// There are none: the account is no longer in the policy file.
    pub(super) fn of(&self, place: &AccountRegion) -> Result<SharedCredentials, Fault> {
        let Some(account) = self.accounts.get(&place.account) else {
            let own = self.own_account.lock().unwrap_or_else(PoisonError::into_inner);
            let other = place.account.is_named() && own.as_ref() != Some(&place.account);
            return if other { Err(no_account(&place.account)) } else { Ok(self.own.clone()) };
        };
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let region = aws_config::Region::new(place.region.to_string());
            let config = self.config.clone().into_builder().region(region).build();
            SharedCredentials::assuming(Role { account: account.clone(), config })
        };
        Ok(sessions.entry(place.clone()).or_insert_with(fresh).clone())
    }

    /// Whether AWS refused a call because its credentials have expired, and there are others now. `sent`: FSx refused it;
    /// otherwise STS refused the daemon's own.
    pub(super) async fn renews(&self, place: &AccountRegion, began: Instant, sent: bool, fault: &Fault) -> bool {
        if !EXPIRED.contains(&fault.code.as_str()) || began.elapsed() >= RENEWED_WITHIN {
            return false;
        }
        match self.of(place) {
            Ok(_) if !sent => self.own.renewed_after_refusal().await,
            Ok(credentials) => credentials.renewed_after_refusal().await,
            Err(_) => false,
        }
    }
}

fn no_account(account: &AccountId) -> Fault {
    let what = format!(
        "account {account} is not in the policy file any more, and it is not the daemon's own: add `[accounts.NAME]` \
         with a role in it"
    );
    Fault::new(FaultClass::Credentials, "NoAccount", &what)
}

impl Role {
    /// Credentials of a new session.
    ///
    /// # Errors
    /// The role cannot be assumed now.
    pub(super) async fn assume(&self) -> Result<Credentials, Fault> {
        let Account { role_arn, external_id, session_name, .. } = &self.account;
        let session_name = session_name.clone().unwrap_or_else(default_session_name);
        let mut builder = AssumeRoleProvider::builder(role_arn).session_name(session_name).configure(&self.config);
        if let Some(id) = external_id {
            builder = builder.external_id(id);
        }
        builder.build().await.provide_credentials().await.map_err(|error| self.fault(&error))
    }

    /// STS does not answer in time.
    pub(super) fn unanswered(&self) -> Fault {
        self.refusal(FaultClass::Unanswered, "Timeout", "STS gives no answer in time")
    }

    fn fault(&self, error: &CredentialsError) -> Fault {
        let of_sts = causes(error).into_iter().find_map(|error| error.downcast_ref::<SdkError<AssumeRoleError>>());
        let status = of_sts.and_then(|error| error.raw_response()).map(|response| response.status().as_u16());
        match of_sts {
            Some(SdkError::ServiceError(context)) => {
                let (code, message) = (context.err().code(), context.err().message().unwrap_or_default());
                let fault = classify(&Said { operation: "AssumeRole", code, status, message, limit: None });
                let class = match fault.class {
                    FaultClass::Throttled | FaultClass::Unanswered => fault.class,
                    _ => FaultClass::Credentials,
                };
                self.refusal(class, &fault.code, message)
            }
            Some(SdkError::TimeoutError(_)) => self.unanswered(),
            Some(lost @ (SdkError::DispatchFailure(_) | SdkError::ResponseError(_))) => {
                self.refusal(FaultClass::Unanswered, "Dispatch", &chain(lost))
            }
            _ => self.refusal(FaultClass::Credentials, "NoCredentials", &chain(error)),
        }
    }

    fn refusal(&self, class: FaultClass, code: &str, said: &str) -> Fault {
        let Account { name, role_arn, .. } = &self.account;
        let what = format!("account \"{name}\" cannot be entered, its role {role_arn} cannot be assumed: {said}");
        Fault::new(class, code, &what)
    }
}

/// `lifeboat-HOST`, as far as STS takes it.
fn default_session_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "_=,.@-".contains(*c);
    let name: String = host.chars().filter(allowed).collect();
    format!("lifeboat-{name}").trim_end_matches('-').chars().take(SESSION_NAME_MAX_CHARS).collect()
}
