//! FSx through the AWS SDK: one client for each account and Region.
//!
//! The SDK's own retries are off, because retrying a create call is a decision (`planner/retry`), and because the SDK's
//! retry quota never recovers with time (crates.md, fact 6). Every call ends within a bounded time.

use super::accounts::AccountCredentials;
use super::credentials::SharedCredentials;
use super::faults::{Said, causes, chain, classify, counted_as};
use super::measure::Measure;
use super::pacing::Pacing;
use super::{Answer, Engine, Sent, reading};
use crate::domain::action::{Action, Call, Outcome, Request};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{AccountId, AccountRegion, SourceId};
use crate::domain::limits::{ANSWER_WITHIN, CALL_WITHIN};
use crate::domain::policy::{Account, Aws};
use crate::domain::selection::NextPage;
use crate::domain::tags::HOLD;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_fsx::Client;
use aws_sdk_fsx::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time limit for connecting.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Time limit until the first byte of a response, and between bytes.
const READ_WITHIN: Duration = Duration::from_secs(20);
/// Backups requested per page of a listing; AWS may return fewer.
const PAGE_SIZE: i32 = 1000;
/// Maximum number of pages of one poll: it has at most fifty ids, so more pages mean an endpoint that never ends.
const PAGES_PER_LOOK: usize = 50;

/// The API model says 255; this leaves room for newer models.
const NEXT_TOKEN_MAX_BYTES: usize = 4096;

/// The environment variable for this service's endpoint.
const ENDPOINT_OF_FSX: &str = "AWS_ENDPOINT_URL_FSX";

/// FIPS and dual-stack endpoints are AWS's own. Combined with a named endpoint, the SDK rejects every call with a
/// message that names no setting. A person has to correct the setting, as with credentials.
fn contradiction(shared: &SdkConfig, endpoint_named: bool) -> Option<Fault> {
    let (fips, dual) = (shared.use_fips() == Some(true), shared.use_dual_stack() == Some(true));
    let asked = match (endpoint_named, fips, dual) {
        (true, true, _) => "AWS_USE_FIPS_ENDPOINT (use_fips_endpoint)",
        (true, false, true) => "AWS_USE_DUALSTACK_ENDPOINT (use_dualstack_endpoint)",
        _ => return None,
    };
    let text = format!("{asked} is set, and `endpoint_url` (or AWS_ENDPOINT_URL) as well: take out one of them");
    Some(Fault::new(FaultClass::Credentials, "SettingsContradict", &text))
}

/// FSx as served by AWS or a compatible endpoint.
pub struct FsxEngine {
    shared: SdkConfig,
    credentials: AccountCredentials,
    endpoint_url: Option<String>,
    /// Contradictory settings: nothing is sent.
    contradiction: Option<Fault>,
    pacing: Pacing,
    measure: Measure,
    clients: Mutex<BTreeMap<AccountRegion, Client>>,
}

impl FsxEngine {
    /// Reads credentials and settings like every AWS tool: environment, profile, container, instance. `credentials`
    /// replace them if the program brings its own.
    pub async fn new(
        aws: &Aws,
        accounts: &BTreeMap<AccountId, Account>,
        own_account: Option<&AccountId>,
        credentials: Option<Credentials>,
    ) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_WITHIN)
            .read_timeout(READ_WITHIN)
            .operation_attempt_timeout(ANSWER_WITHIN)
            .operation_timeout(ANSWER_WITHIN)
            .build();
        // Each client names its Region, so the default one only matters to credential sources. The instance is never
        // asked for it, because without an instance that takes seconds.
        let profile = ProfileFileRegionProvider::builder();
        let profile = match &aws.profile {
            Some(name) => profile.profile_name(name).build(),
            None => profile.build(),
        };
        let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(profile);
        let region = region.or_else("us-east-1").region().await;
        let credentials = SharedCredentials::new(aws, credentials, region.clone()).await;
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(region)
            .credentials_provider(credentials.clone())
            // They are cached where they are fetched, once for all Regions.
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(profile) = &aws.profile {
            loader = loader.profile_name(profile);
        }
        let shared = loader.load().await;
        let named = aws.endpoint_url.as_deref().or(shared.endpoint_url());
        let contradiction = contradiction(&shared, named.is_some() || std::env::var_os(ENDPOINT_OF_FSX).is_some());
        let url = aws.endpoint_url.as_deref();
        let credentials = AccountCredentials::new(credentials, own_account.cloned(), accounts.clone(), &shared, url);
        Self {
            shared,
            credentials,
            contradiction,
            endpoint_url: aws.endpoint_url.clone(),
            pacing: Pacing::new(aws.requests_per_second),
            measure: Measure::default(),
            clients: Mutex::default(),
        }
    }

    /// Checks whether credentials are available.
    ///
    /// # Errors
    /// Why they are not.
    pub async fn credentials(&self) -> Result<(), Fault> {
        self.credentials.own().get().await.map(drop)
    }

    /// A response has named the daemon's own account.
    pub fn own_account_is(&self, id: &AccountId) {
        self.credentials.own_account_is(id);
    }

    fn client(&self, place: &AccountRegion) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            // Without credentials for the account, `send` sends nothing.
            let credentials = self.credentials.of(place).unwrap_or_else(|_| self.credentials.own().clone());
            let mut config = aws_sdk_fsx::config::Builder::from(&self.shared)
                .region(aws_sdk_fsx::config::Region::new(place.region.to_string()))
                .credentials_provider(credentials)
                .interceptor(self.measure.clone());
            if let Some(url) = &self.endpoint_url {
                config = config.endpoint_url(url);
            }
            Client::from_conf(config.build())
        };
        clients.entry(place.clone()).or_insert_with(fresh).clone()
    }

    /// Sends one request, rate-limited and with a deadline.
    async fn send<T, E>(
        &self,
        place: &AccountRegion,
        operation: &'static str,
        requests: &mut Vec<Sent>,
        request: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, Fault>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let Some(fault) = &self.contradiction {
            return Err(fault.clone());
        }
        // Without credentials nothing is sent or counted; with them, the SDK finds them in the cache.
        self.credentials.of(place)?.get().await?;
        self.pacing.turn(place).await;
        let began = Instant::now();
        let result = match tokio::time::timeout(CALL_WITHIN, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(fault(operation, &error)),
            Err(_) => Err(Fault::new(FaultClass::Unanswered, "Timeout", "no answer in time")),
        };
        let code = counted_as(result.as_ref().err().map_or("OK", |fault| fault.code.as_str()));
        requests.push(Sent { operation, code, took: began.elapsed() });
        result
    }

    async fn make(&self, place: &AccountRegion, request: &Request, requests: &mut Vec<Sent>) -> Result<Outcome, Fault> {
        let client = self.client(place);
        let backup = match request {
            Request::CreateBackup { source, token, tags } => {
                let call = client.create_backup().client_request_token(token.as_str());
                let call = call.set_tags(Some(reading::sdk_tags(tags)));
                let call = if source.is_volume() {
                    call.volume_id(source.as_str())
                } else {
                    call.file_system_id(source.as_str())
                };
                self.send(place, "CreateBackup", requests, call.send()).await?.backup
            }
            Request::CopyBackup { source_region, backup, kms_key, token, tags } => {
                let call = client
                    .copy_backup()
                    .client_request_token(token.as_str())
                    .source_backup_id(backup.as_str())
                    .source_region(source_region.as_str())
                    .set_kms_key_id(kms_key.clone())
                    .set_tags(Some(reading::sdk_tags(tags)));
                self.send(place, "CopyBackup", requests, call.send()).await?.backup
            }
        };
        match backup.as_ref().and_then(reading::observed) {
            Some(observed) => Ok(Outcome::Made(Box::new(observed))),
            None => Err(Fault::new(FaultClass::Unanswered, "EmptyAnswer", "the answer names no backup")),
        }
    }

    async fn page(
        &self,
        place: &AccountRegion,
        next_token: Option<&str>,
        requests: &mut Vec<Sent>,
    ) -> Result<Outcome, Fault> {
        let call = self.client(place).describe_backups().max_results(PAGE_SIZE);
        let call = call.set_next_token(next_token.map(str::to_owned));
        let answer = self.send(place, "DescribeBackups", requests, call.send()).await?;
        let observed_backups = reading::all(answer.backups, reading::observed)?;
        Ok(Outcome::Page { observed_backups, next_token: usable(answer.next_token)? })
    }

    async fn poll(
        &self,
        place: &AccountRegion,
        ids: &[crate::domain::id::BackupId],
        requests: &mut Vec<Sent>,
    ) -> Result<Outcome, Fault> {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let mut observed_backups = Vec::new();
        let mut next_token = None;
        for _ in 0..PAGES_PER_LOOK {
            let call = self.client(place).describe_backups();
            let call = call.set_backup_ids(Some(ids.clone())).set_next_token(next_token);
            let answer = self.send(place, "DescribeBackups", requests, call.send()).await?;
            observed_backups.extend(reading::all(answer.backups, reading::observed)?);
            next_token = answer.next_token.filter(|token| !token.is_empty());
            if next_token.is_none() {
                return Ok(Outcome::Polled(observed_backups));
            }
        }
        Err(endless())
    }

    async fn hold(
        &self,
        place: &AccountRegion,
        arn: &str,
        hold: Option<&str>,
        requests: &mut Vec<Sent>,
    ) -> Result<Outcome, Fault> {
        let client = self.client(place);
        match hold {
            Some(reason) => {
                let call = client.tag_resource().resource_arn(arn).tags(reading::sdk_tag(HOLD, reason));
                self.send(place, "TagResource", requests, call.send()).await.map(drop)?;
            }
            None => {
                let call = client.untag_resource().resource_arn(arn).tag_keys(HOLD);
                self.send(place, "UntagResource", requests, call.send()).await.map(drop)?;
            }
        }
        Ok(Outcome::HoldSet)
    }

    async fn search(&self, place: &AccountRegion, page: &NextPage, requests: &mut Vec<Sent>) -> Result<Outcome, Fault> {
        let client = self.client(place);
        let (facts, next_token) = if page.volumes {
            let call = client.describe_volumes().max_results(PAGE_SIZE).set_next_token(page.token.clone());
            let answer = self.send(place, "DescribeVolumes", requests, call.send()).await?;
            (reading::all(answer.volumes, reading::volume)?, answer.next_token)
        } else {
            let call = client.describe_file_systems().max_results(PAGE_SIZE).set_next_token(page.token.clone());
            let answer = self.send(place, "DescribeFileSystems", requests, call.send()).await?;
            (reading::all(answer.file_systems, reading::file_system)?, answer.next_token)
        };
        Ok(Outcome::SourcesFound { facts, next_token: usable(next_token)? })
    }

    async fn lookup(
        &self,
        place: &AccountRegion,
        ids: &[SourceId],
        requests: &mut Vec<Sent>,
    ) -> Result<Outcome, Fault> {
        let volumes = ids.first().is_some_and(SourceId::is_volume);
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let client = self.client(place);
        let mut facts = Vec::new();
        let mut next_token = None;
        for _ in 0..PAGES_PER_LOOK {
            next_token = if volumes {
                let call = client.describe_volumes().set_volume_ids(Some(ids.clone())).set_next_token(next_token);
                let answer = self.send(place, "DescribeVolumes", requests, call.send()).await?;
                facts.extend(reading::all(answer.volumes, reading::volume)?);
                answer.next_token
            } else {
                let call = client.describe_file_systems().set_file_system_ids(Some(ids.clone()));
                let call = call.set_next_token(next_token);
                let answer = self.send(place, "DescribeFileSystems", requests, call.send()).await?;
                facts.extend(reading::all(answer.file_systems, reading::file_system)?);
                answer.next_token
            };
            next_token = next_token.filter(|token| !token.is_empty());
            if next_token.is_none() {
                return Ok(Outcome::SourcesDescribed(facts));
            }
        }
        Err(endless())
    }

    async fn try_call(&self, action: &Action, requests: &mut Vec<Sent>) -> Result<Outcome, Fault> {
        let place = &action.place;
        match &action.call {
            Call::Make { request, .. } => self.make(place, request, requests).await,
            Call::ListPage { next_token } => self.page(place, next_token.as_deref(), requests).await,
            Call::Poll { ids } => self.poll(place, ids, requests).await,
            Call::DescribeSources { ids } => self.lookup(place, ids, requests).await,
            Call::SearchSources { next } => self.search(place, next, requests).await,
            Call::Delete { id, token } => {
                let call = self.client(place).delete_backup().backup_id(id.as_str());
                let call = call.client_request_token(token.as_str());
                self.send(place, "DeleteBackup", requests, call.send()).await.map(|_| Outcome::Deleted)
            }
            Call::Hold { arn, hold, .. } => self.hold(place, arn, hold.as_deref(), requests).await,
        }
    }
}

impl Engine for FsxEngine {
    async fn call(&self, action: &Action) -> Answer {
        let (began, mut requests) = (Instant::now(), Vec::new());
        let mut result = self.try_call(action, &mut requests).await;
        if let Err(fault) = &result
            && self.credentials.renews(&action.place, began, !requests.is_empty(), fault).await
        {
            // The same request, with its token. AWS did nothing for the first.
            result = self.try_call(action, &mut requests).await;
        }
        Answer { outcome: result.unwrap_or_else(Outcome::Failed), requests, dated: self.measure.take_date() }
    }
}

/// The mark of the next page, if there is one.
fn usable(next_token: Option<String>) -> Result<Option<String>, Fault> {
    let next_token = next_token.filter(|token| !token.is_empty());
    if next_token.as_ref().is_some_and(|token| token.len() > NEXT_TOKEN_MAX_BYTES) {
        let what = "the mark of the next page is longer than any can be";
        return Err(Fault::new(FaultClass::Unanswered, "NonsenseToken", what));
    }
    Ok(next_token)
}

fn endless() -> Fault {
    Fault::new(FaultClass::Unanswered, "EndlessPages", "the endpoint gives page after page for a few ids")
}

/// Classifies an SDK error.
fn fault<E>(operation: &'static str, error: &SdkError<E>) -> Fault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    match error {
        SdkError::ServiceError(context) => {
            let body = error.raw_response().and_then(|response| response.body().bytes());
            let limit = body.and_then(limit_of);
            let message = context.err().message().unwrap_or_default();
            classify(&Said { operation, code: context.err().code(), status, message, limit: limit.as_deref() })
        }
        SdkError::TimeoutError(_) => Fault::new(FaultClass::Unanswered, "Timeout", "no answer in time"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            Fault::new(FaultClass::Unanswered, "Timeout", &chain(error))
        }
        SdkError::ResponseError(_) => classify(&Said { operation, status, message: &chain(error), ..Said::default() }),
        _ if lacks_credentials(error) => Fault::new(FaultClass::Credentials, "NoCredentials", &chain(error)),
        SdkError::ConstructionFailure(_) => Fault::new(FaultClass::Permanent, "InvalidRequest", &chain(error)),
        _ => Fault::new(FaultClass::Unanswered, "Dispatch", &chain(error)),
    }
}

/// `Limit` of a `ServiceLimitExceeded`, parsed from the response itself: the SDK's enum does not contain new values.
fn limit_of(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(body.get("Limit")?.as_str()?.to_owned())
}

fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).into_iter().any(|error| error.is::<aws_credential_types::provider::error::CredentialsError>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_of_aws_and_one_by_name_contradict_each_other() {
        let told = |fips: bool, dual: bool, named: bool| {
            let shared = SdkConfig::builder().use_fips(fips).use_dual_stack(dual).build();
            contradiction(&shared, named).map(|fault| (fault.class, fault.message))
        };
        for (fips, dual, named) in [(true, true, false), (false, true, false), (false, false, true)] {
            assert_eq!(told(fips, dual, named), None);
        }
        for (fips, dual, word) in [(true, false, "use_fips_endpoint"), (false, true, "use_dualstack_endpoint")] {
            let (class, message) = told(fips, dual, true).unwrap();
            assert!(class == FaultClass::Credentials && message.contains(word), "{message}");
        }
    }
}
