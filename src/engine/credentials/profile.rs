//! Finds the profile that defines a `credential_process`, and the roles to assume from there.

use aws_config::profile::{Profile, ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{self, ProvideCredentials as _};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::region::Region;
use std::fmt::Write as _;

/// The maximum length of a chain of roles.
const ROLES_MAX: usize = 20;
/// The properties of a profile that concern a role.
const OF_A_ROLE: [&str; 5] = ["role_arn", "source_profile", "external_id", "role_session_name", "region"];
/// Properties that take precedence over `credential_process` in a profile, as in the SDK.
const BEFORE_A_PROCESS: [&str; 6] =
    ["credential_source", "web_identity_token_file", "sso_start_url", "sso_session", "sso_account_id", "login_session"];

/// A program that prints credentials, and the roles to assume with them.
pub(super) struct Base {
    pub(super) command: String,
    /// The roles to assume, if any.
    pub(super) roles: Option<Roles>,
}

/// A chain of profiles with roles, from the selected one to the one with the program.
pub(super) struct Roles {
    profiles: Vec<(String, Vec<(&'static str, String)>)>,
}

/// The program to which the selected profile resolves. `None`: another source, or an unreadable profile, which the SDK
/// reports.
pub(super) async fn base(profile: Option<&str>) -> Option<Base> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    // Keys in the environment take precedence over profiles.
    if set("AWS_ACCESS_KEY_ID") && set("AWS_SECRET_ACCESS_KEY") {
        return None;
    }
    let named = profile.map(|name| name.to_owned().into());
    let profiles =
        aws_config::profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), named).await.ok()?;
    resolve(&profiles)
}

fn resolve(profiles: &ProfileSet) -> Option<Base> {
    let mut chain: Vec<(String, Vec<(&'static str, String)>)> = Vec::new();
    let mut name = profiles.selected_profile();
    loop {
        let profile = profiles.get_profile(name)?;
        if chain.len() >= ROLES_MAX || chain.iter().any(|(seen, _)| seen == name) {
            return None;
        }
        if !chain.is_empty() && profile.get("aws_access_key_id").is_some() {
            return None;
        }
        let has_role = profile.get("role_arn").is_some() && profile.get("web_identity_token_file").is_none();
        let next = profile.get("source_profile").filter(|_| has_role);
        let of_role = OF_A_ROLE.iter().filter_map(|key| Some((*key, profile.get(key)?.to_owned())));
        match next {
            Some(next) if next != name => {
                chain.push((name.to_owned(), of_role.collect()));
                name = next;
            }
            // A role assumed with credentials from the same profile's program.
            Some(_) => {
                chain.push((name.to_owned(), of_role.collect()));
                return Some(Base { command: command_of(profile)?, roles: Some(Roles { profiles: chain }) });
            }
            // The SDK rejects a role without a source, in its own words.
            None if has_role => return None,
            None => {
                let roles = if chain.is_empty() {
                    None
                } else {
                    chain.push((name.to_owned(), Vec::new()));
                    Some(Roles { profiles: chain })
                };
                return Some(Base { command: command_of(profile)?, roles });
            }
        }
    }
}

fn command_of(profile: &Profile) -> Option<String> {
    if BEFORE_A_PROCESS.iter().any(|key| profile.get(key).is_some()) {
        return None;
    }
    profile.get("credential_process").map(str::to_owned)
}

impl Roles {
    /// Assumes one role after the other using the SDK, which sees the same profiles with keys in place of the program.
    pub(super) async fn assume(&self, base: &Credentials) -> provider::Result {
        let (text, region) = self.with_keys(base);
        let first = self.profiles.first().map_or("default", |(name, _)| name.as_str());
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, text).build();
        let region = region.or_else(|| std::env::var("AWS_REGION").ok()).unwrap_or_else(|| "us-east-1".to_owned());
        let provider = ProfileFileCredentialsProvider::builder()
            .configure(&ProviderConfig::default().with_region(Some(Region::new(region))))
            .profile_files(files)
            .profile_name(first)
            .build();
        provider.provide_credentials().await
    }

    fn with_keys(&self, base: &Credentials) -> (String, Option<String>) {
        let (mut text, mut region) = (String::new(), None);
        let last = self.profiles.len().saturating_sub(1);
        for (nth, (name, properties)) in self.profiles.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "[profile {name}]");
            for (key, value) in properties {
                let _ = writeln!(text, "{key} = {value}");
                if *key == "region" && region.is_none() {
                    region = Some(value.clone());
                }
            }
            if nth == last {
                let _ = writeln!(text, "aws_access_key_id = {}", base.access_key_id());
                let _ = writeln!(text, "aws_secret_access_key = {}", base.secret_access_key());
                if let Some(token) = base.session_token() {
                    let _ = writeln!(text, "aws_session_token = {token}");
                }
            }
        }
        (text, region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolved(profile: &'static str, text: &str) -> Option<Base> {
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, text).build();
        let loaded = aws_config::profile::load(&Fs::real(), &Env::real(), &files, Some(profile.into())).await;
        resolve(&loaded.unwrap())
    }

    #[tokio::test]
    async fn the_program_is_found_where_the_sdk_would_find_it() {
        let text = "[profile plain]\ncredential_process = fetch plain\n\
            [profile role]\nrole_arn = arn:aws:iam::111122223333:role/a\nsource_profile = plain\nregion = eu-west-1\n\
            [profile own]\nrole_arn = arn:aws:iam::111122223333:role/a\nsource_profile = own\ncredential_process = fetch own\n\
            [profile keys]\naws_access_key_id = a\naws_secret_access_key = b\n\
            [profile both]\nsso_session = s\ncredential_process = fetch\n\
            [profile round]\nrole_arn = a\nsource_profile = about\n[profile about]\nrole_arn = b\nsource_profile = round\n";
        for (profile, command, roles) in [
            ("plain", Some("fetch plain"), false),
            ("role", Some("fetch plain"), true),
            ("own", Some("fetch own"), true),
            ("keys", None, false),
            ("both", None, false),
            ("round", None, false),
            ("missing", None, false),
        ] {
            let base = resolved(profile, text).await;
            let found = base.as_ref().map(|base| (base.command.as_str(), base.roles.is_some()));
            assert_eq!(found, command.map(|command| (command, roles)), "{profile}");
        }
        let roles = resolved("role", text).await.unwrap().roles.unwrap();
        let (text, region) = roles.with_keys(&Credentials::new("AKIA", "s", Some("t".to_owned()), None, "test"));
        assert_eq!(region.as_deref(), Some("eu-west-1"));
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, text).build();
        let loaded = aws_config::profile::load(&Fs::real(), &Env::real(), &files, Some("role".into())).await.unwrap();
        assert_eq!(loaded.get_profile("plain").unwrap().get("aws_session_token"), Some("t"));
        assert_eq!(loaded.get_profile("role").unwrap().get("source_profile"), Some("plain"));
    }
}
