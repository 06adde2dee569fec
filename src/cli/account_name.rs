//! What a person calls an account.

use super::Failure;
use crate::domain::fault::clean;
use crate::domain::id::{AccountId, is_account_id};
use crate::domain::policy::Settings;

/// The account that a person means.
pub(super) fn account_called(name: &str, settings: &Settings) -> Result<AccountId, Failure> {
    if name == AccountId::own().as_str() {
        return Ok(AccountId::own());
    }
    let named = settings.accounts.iter().find(|(id, account)| account.name == name || id.as_str() == name);
    if let Some((id, _)) = named {
        return Ok(id.clone());
    }
    // Points of an account that left the policy file are still in the database.
    if is_account_id(name) {
        return Ok(name.into());
    }
    let known: Vec<&str> = settings.accounts.values().map(|account| account.name.as_str()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(Failure::Usage(format!(
        "error: there is no account `{}` in the policy file; it has {known}, and `default` is the daemon's own",
        clean(name, 60)
    )))
}
