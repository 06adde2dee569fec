//! Calls to AWS and their outcomes. One action is one request.

use super::fault::Fault;
use super::id::{AccountId, AccountRegion, BackupId, Region, SourceId, Token, WorkKey};
use super::lane::FileSystemKind;
use super::point::ObservedBackup;
use super::policy::Tags;
use super::selection::NextPage;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A complete create request, frozen with the intent so that a repeat is identical byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Request {
    /// CreateBackup in the source's Region.
    CreateBackup {
        /// What to back up.
        source: SourceId,
        /// ClientRequestToken.
        token: Token,
        /// Tags.
        tags: Tags,
    },
    /// CopyBackup in the destination.
    CopyBackup {
        /// Where the backup is.
        source_region: Region,
        /// The backup to copy.
        backup: BackupId,
        /// The key in the destination; `None`: its `aws/fsx`.
        kms_key: Option<String>,
        /// ClientRequestToken.
        token: Token,
        /// Tags.
        tags: Tags,
    },
}

impl Request {
    /// The token of the request.
    #[must_use]
    pub fn token(&self) -> &Token {
        match self {
            Self::CreateBackup { token, .. } | Self::CopyBackup { token, .. } => token,
        }
    }
}

/// One call to one account and Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The account and Region whose endpoint is called.
    pub place: AccountRegion,
    /// What to call.
    pub call: Call,
}

/// What to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// CreateBackup or CopyBackup, from an intent that is already committed.
    Make {
        /// The backup or copy to be made.
        key: WorkKey,
        /// The frozen request.
        request: Arc<Request>,
    },
    /// One page of all backups of the account and Region.
    ListPage {
        /// Token from the previous page; `None` for the first page.
        next_token: Option<String>,
    },
    /// DescribeBackups by id, 1 to 50.
    Poll {
        /// The backups and copies.
        ids: Vec<BackupId>,
    },
    /// DescribeFileSystems or DescribeVolumes by id, 1 to 50 of one kind.
    DescribeSources {
        /// The sources.
        ids: Vec<SourceId>,
    },
    /// One page of all file systems or volumes of the account and Region, with their tags.
    SearchSources {
        /// Which page.
        next: NextPage,
    },
    /// DeleteBackup, from an intent that is already committed.
    Delete {
        /// The backup or copy.
        id: BackupId,
        /// ClientRequestToken.
        token: Token,
    },
    /// TagResource or UntagResource of `lifeboat:hold`.
    Hold {
        /// The backup or copy.
        id: BackupId,
        /// Its ARN.
        arn: String,
        /// The tag's value; `None` removes it.
        hold: Option<String>,
    },
}

/// The identity of a call: no two calls with the same key are under way at one time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallKey {
    /// [`Call::Make`].
    Make(WorkKey),
    /// [`Call::ListPage`]: one listing at a time.
    List,
    /// [`Call::Poll`], by its first id.
    Poll(BackupId),
    /// [`Call::DescribeSources`], by its first id.
    DescribeSources(SourceId),
    /// [`Call::SearchSources`]: one search at a time.
    Search,
    /// [`Call::Delete`].
    Delete(BackupId),
    /// [`Call::Hold`].
    Hold(BackupId),
}

impl CallKey {
    /// The same call, once the unnamed own account has an id.
    pub(super) fn in_account(mut self, id: &AccountId) -> Self {
        if let Self::Make(key) = &mut self {
            key.source.account.name_own(id);
        }
        self
    }
}

impl Action {
    /// The same action, if it is in the unnamed own account, under the id that this account has since.
    #[must_use]
    pub fn in_account(&self, id: &AccountId) -> Self {
        let mut action = self.clone();
        action.place.account.name_own(id);
        if let Call::Make { key, .. } = &mut action.call {
            key.source.account.name_own(id);
        }
        action
    }
}

impl Call {
    /// The call's identity; `None` for a call without ids.
    #[must_use]
    pub fn key(&self) -> Option<CallKey> {
        match self {
            Self::Make { key, .. } => Some(CallKey::Make(key.clone())),
            Self::ListPage { .. } => Some(CallKey::List),
            Self::Poll { ids } => ids.first().cloned().map(CallKey::Poll),
            Self::DescribeSources { ids } => ids.first().cloned().map(CallKey::DescribeSources),
            Self::SearchSources { .. } => Some(CallKey::Search),
            Self::Delete { id, .. } => Some(CallKey::Delete(id.clone())),
            Self::Hold { id, .. } => Some(CallKey::Hold(id.clone())),
        }
    }

    /// The API operation, for logs and metrics.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Make { request, .. } => match **request {
                Request::CreateBackup { .. } => "CreateBackup",
                Request::CopyBackup { .. } => "CopyBackup",
            },
            Self::ListPage { .. } | Self::Poll { .. } => "DescribeBackups",
            Self::DescribeSources { ids } if ids.first().is_some_and(SourceId::is_volume) => "DescribeVolumes",
            Self::DescribeSources { .. } => "DescribeFileSystems",
            Self::SearchSources { next } if next.volumes => "DescribeVolumes",
            Self::SearchSources { .. } => "DescribeFileSystems",
            Self::Delete { .. } => "DeleteBackup",
            Self::Hold { hold: Some(_), .. } => "TagResource",
            Self::Hold { hold: None, .. } => "UntagResource",
        }
    }
}

/// What AWS reports about a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// The source.
    pub source: SourceId,
    /// Its type.
    pub kind: FileSystemKind,
    /// `Lifecycle` as AWS reports it.
    pub lifecycle: String,
    /// Its tags.
    pub tags: Tags,
    /// The file system's `Name` tag, or the volume's name.
    pub name: Option<String>,
    /// The account in its ARN.
    pub account: Option<AccountId>,
}

/// The result of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Response to [`Call::Make`]: the backup or copy that now exists.
    Made(Box<ObservedBackup>),
    /// Response to [`Call::ListPage`].
    Page {
        /// Backups and copies on the page.
        observed_backups: Vec<ObservedBackup>,
        /// Token of the next page; `None` on the last page.
        next_token: Option<String>,
    },
    /// Response to [`Call::Poll`]: everything that was asked for.
    Polled(Vec<ObservedBackup>),
    /// Response to [`Call::DescribeSources`]: everything that was asked for.
    SourcesDescribed(Vec<SourceFacts>),
    /// Response to [`Call::SearchSources`].
    SourcesFound {
        /// The sources on the page.
        facts: Vec<SourceFacts>,
        /// Where the next page begins; `None` on the last.
        next_token: Option<String>,
    },
    /// Response to [`Call::Delete`]: the object is deleted.
    Deleted,
    /// Response to [`Call::Hold`]: the tag is as requested.
    HoldSet,
    /// The call failed.
    Failed(Fault),
}
