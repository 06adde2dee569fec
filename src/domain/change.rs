//! Changes: the only way in which [`State`](super::state::State) is modified.
//!
//! A change is either durable (the store writes it in the same transaction as the others of its round) or a fact about
//! the running process, which the next process finds out again. [`Change::durable`] says which.

use super::action::{CallKey, Request, SourceFacts};
use super::deletion::Brake;
use super::dispute::Dispute;
use super::fault::Fault;
use super::id::{
    AccountId, AccountRegion, BackupId, Occurrence, PolicyName, Region, SourceId, SourceKey, Target, WorkKey,
};
use super::lane::Lane;
use super::note::Note;
use super::pause::Pause;
use super::point::RecoveryPoint;
use super::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

mod account;
mod forgotten;
mod illegal;
mod kinds;
mod lane;
mod search;

pub use super::listing_page::ListingPage;
pub use super::occurrence_record::{Counter, OccurrenceOutcome, OccurrenceRecord};
pub use super::schedule_line::Line;
pub use account::AccountEvidence;
pub use forgotten::Forgotten;
pub use illegal::IllegalChange;
pub use lane::LaneEvidence;
pub use search::SearchEvidence;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A policy selects this source (newly, under another policy name, or with other destinations).
    MembershipUpdated {
        /// The source.
        source: SourceKey,
        /// Where it is.
        region: Region,
        /// The policy.
        policy: PolicyName,
        /// Its routes.
        destinations: Vec<Region>,
        /// Occurrences after this time count, unless AWS shows that the source was protected earlier.
        since: Time,
    },
    /// The schedules of a source changed, or the time from which they apply: these replace all earlier ones.
    Rescheduled {
        /// The source.
        source: SourceKey,
        /// As [`Membership::lines`](super::state::Membership::lines).
        lines: Vec<Line>,
    },
    /// No policy selects this source any more.
    SourceDeparted {
        /// The source.
        source: SourceKey,
    },
    /// An occurrence came due or was found at AWS.
    Opened {
        /// The source.
        source: SourceKey,
        /// The occurrence.
        occurrence: Occurrence,
        /// Its record.
        record: OccurrenceRecord,
    },
    /// An occurrence ended; it need not have been opened before.
    Closed {
        /// The source.
        source: SourceKey,
        /// The occurrence.
        occurrence: Occurrence,
        /// Its record.
        record: OccurrenceRecord,
        /// The outcome.
        end: OccurrenceOutcome,
        /// The reason, in words.
        reason: String,
        /// When it happened.
        at: Time,
        /// How many earlier occurrences this record also represents, after an outage too long to record each of them.
        earlier: u64,
    },
    /// A person cancelled an on-demand occurrence: nothing more is requested for it, and it ends.
    Cancelled {
        /// The source.
        source: SourceKey,
        /// The occurrence.
        occurrence: Occurrence,
        /// When it happened.
        at: Time,
    },
    /// Intent: this request is about to be sent. Committed before the call.
    RequestRecorded {
        /// The backup or copy to be made.
        key: WorkKey,
        /// The attempt, counted from 1.
        attempt: u32,
        /// The whole request.
        request: Arc<Request>,
        /// When it happened.
        at: Time,
    },
    /// A pending request was refused, or got no response.
    RequestFailed {
        /// The backup or copy to be made.
        key: WorkKey,
        /// The error.
        fault: Fault,
        /// AWS certainly created nothing: the pending request is withdrawn.
        definite: bool,
        /// Earliest time of the next try.
        not_before: Time,
    },
    /// AWS's inventory proves that nothing was created: the pending request is withdrawn.
    RequestNeverApplied {
        /// The backup or copy to be made.
        key: WorkKey,
    },
    /// After a reload or an hour, a permanently refused request may be retried.
    RequestRetryAllowed(WorkKey),
    /// A backup or copy of ours in AWS's inventory, new or with a new state. Completes the pending request for it.
    BackupObserved {
        /// Its current state.
        point: Box<RecoveryPoint>,
    },
    /// A backup or copy of ours is no longer in AWS's inventory.
    BackupRemoved {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
        /// When that was seen.
        at: Time,
    },
    /// The backup or copy carries our tags, but a field of AWS or the record contradicts them, so it is not counted; or
    /// (`None`) nothing contradicts them any more, or it was deleted.
    Disputed {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
        /// The contradiction.
        dispute: Option<Box<Dispute>>,
    },
    /// A complete listing did not show it, or (`None`) it was seen again.
    MissingFromListing {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
        /// Since when its existence is in doubt.
        missing_since: Option<Time>,
    },
    /// A person paused a policy, resumed it, or changed the end of its pause.
    Paused {
        /// The policy.
        policy: PolicyName,
        /// Its new value; replaces the pause that began at the same time.
        pause: Pause,
    },
    /// A pause ended, and everything that came due during it is recorded.
    PauseOver {
        /// Of which policy.
        policy: PolicyName,
        /// When it began.
        since: Time,
    },
    /// Increments a counter.
    Counted(Counter),
    /// A record for people.
    Noted(Note),
    /// A complete listing of an account and Region ended.
    Listed {
        /// The account and Region.
        place: AccountRegion,
        /// When its first page was requested.
        began_at: Time,
        /// From then until its last page was received.
        took: Duration,
        /// The number of pages.
        pages: u32,
        /// Backups that count towards the quota of user backups.
        user_backups: u64,
        /// Copies in flight that are not ours, with their lanes.
        others: Vec<(BackupId, Vec<Lane>)>,
        /// Backups that are not ours, each with its source.
        other_backups: Vec<(BackupId, SourceId)>,
    },
    /// The first response that names the daemon's own account: everything recorded of it moves to this id.
    OwnAccountNamed(AccountId, Time),
    /// The first response that names an account goes on record.
    AccountRecorded {
        /// The account.
        account: AccountId,
        /// The account id in AWS's response.
        id: AccountId,
        /// When it happened.
        at: Time,
    },
    /// Something of ours was found that this database did not ask for: another daemon has the same policy.
    PeerSeen(Time),
    /// What a response showed about the account that sent it.
    Account(AccountEvidence),
    /// AWS's inventory of an account and Region was read.
    InventoryRead {
        /// The account and Region.
        place: AccountRegion,
        /// When it happened.
        at: Time,
    },
    /// Intent: this backup or copy will be deleted, once AWS has shown it again and nothing prevents it.
    DeletionPlanned {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
        /// The reason, in words.
        reason: String,
        /// A person confirmed it.
        confirmed: bool,
        /// When it happened.
        at: Time,
    },
    /// A planned deletion is cancelled.
    DeletionCancelled {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
        /// The reason, in words.
        reason: String,
    },
    /// Intent: DeleteBackup will be called now. Committed before the call; its answer is [`Change::BackupRemoved`].
    DeletionRequested {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
        /// When it happened.
        at: Time,
    },
    /// DeleteBackup was refused, or got no response.
    DeletionFailed {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
        /// The error.
        fault: Fault,
        /// Earliest time of the next try.
        not_before: Time,
    },
    /// A person asked to set or lift a hold; kept until AWS's inventory shows it.
    HoldRequested {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
        /// The reason of the hold, which may be empty; `None` lifts it.
        hold: Option<String>,
        /// When it happened.
        at: Time,
    },
    /// The hold tag was written or removed, or (with a fault) the call failed.
    HoldTried {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
        /// The error, if it failed.
        fault: Option<Fault>,
        /// Earliest time of the next try.
        not_before: Time,
    },
    /// AWS's inventory shows the hold as requested.
    HoldConfirmed {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
    },
    /// A poll showed a point of ours that is to be deleted or held.
    Inspected {
        /// The account and Region.
        place: AccountRegion,
        /// The backup or copy.
        id: BackupId,
        /// Its ARN, if the response contains it.
        arn: Option<String>,
        /// When it happened.
        at: Time,
    },
    /// Retention evaluated a source.
    Reviewed {
        /// The source.
        source: SourceKey,
        /// Earliest next review, unless something changes.
        next: Time,
        /// Deletions that wait for confirmation.
        braked: BTreeMap<Target, Brake>,
    },

    /// A call is sent.
    Sent {
        /// The account and Region.
        place: AccountRegion,
        /// The call.
        call: CallKey,
        /// When it happened.
        at: Time,
    },
    /// A call returned, with or without success.
    Returned {
        /// The account and Region.
        place: AccountRegion,
        /// The call.
        call: CallKey,
        /// The fault, if it concerns the account and Region rather than this call.
        fault: Option<Fault>,
        /// When it happened.
        at: Time,
    },
    /// A planned call is dropped, because the changes planned with it could not be committed. It was never sent.
    Withdrawn {
        /// The account and Region it was planned for.
        place: AccountRegion,
        /// The call.
        call: CallKey,
    },
    /// AWS refused to list or describe backups for a reason other than an outage; or (`None`) no longer refuses.
    ReadAnswered {
        /// The account and Region.
        place: AccountRegion,
        /// The listing or poll.
        call: CallKey,
        /// The refusal.
        fault: Option<Fault>,
        /// When it happened.
        at: Time,
    },
    /// The first page of a listing is requested.
    ListingBegan {
        /// The account and Region.
        place: AccountRegion,
        /// When it happened.
        at: Time,
    },
    /// A page of a listing arrived; more follow.
    ListingPage {
        /// The account and Region.
        place: AccountRegion,
        /// What it showed.
        page: ListingPage,
        /// The token of the next page.
        next_token: String,
    },
    /// A page failed: request it again, using `next_token`, at `not_before` or later.
    ListingStalled {
        /// The account and Region.
        place: AccountRegion,
        /// Earliest time of the next try.
        not_before: Time,
        /// Start over with the first page.
        restart: bool,
    },
    /// A listing is wanted that begins at or after this time.
    ListingWanted {
        /// The account and Region.
        place: AccountRegion,
        /// Earliest time at which it may begin.
        at: Time,
    },
    /// The next poll of these ids, and how many of them one call may contain.
    PollScheduled {
        /// The account and Region.
        place: AccountRegion,
        /// The backups and copies.
        ids: Vec<BackupId>,
        /// When it happened.
        at: Time,
        /// The largest batch from now on, because a batch that contained them was refused; 0 removes the limit, `None`
        /// leaves it unchanged.
        batch: Option<usize>,
    },
    /// What a response showed about the lanes.
    Lane(LaneEvidence),
    /// A step of a search for the sources that policies select by tag.
    Search(SearchEvidence),
    /// A lookup of sources is sent; they are not looked up again before the given time.
    SourceLookupSent {
        /// The account.
        account: AccountId,
        /// The sources.
        ids: Vec<SourceId>,
        /// Earliest time of the next lookup.
        until: Time,
    },
    /// A source was looked up.
    SourceLookedUp {
        /// In which account.
        account: AccountId,
        /// The facts as AWS reports them.
        facts: Box<SourceFacts>,
        /// When the lookup was sent.
        at: Time,
    },
    /// A lookup of a source failed.
    SourceLookupFailed {
        /// The source.
        source: SourceKey,
        /// The error.
        fault: Fault,
        /// When the lookup was sent.
        at: Time,
        /// Earliest time of the next try.
        not_before: Time,
        /// A batch of this size failed because one id in it is unknown.
        batch: Option<usize>,
    },
    /// An entry that nothing needs any more is removed.
    Forgotten(Forgotten),
    /// Entries that nothing needs any more were searched for at this time.
    Swept(Time),
    /// Sources were synchronised with the policy of this [generation](super::policy::Settings::generation).
    Synced(u64),
    /// All occurrences of a policy up to this time are recorded.
    Checked {
        /// The policy.
        policy: PolicyName,
        /// The end of the recorded period.
        through: Time,
        /// The next occurrence after that, if any: the calendar is not evaluated again before then.
        next: Option<Time>,
    },
    /// A backup or copy took this long.
    Timed {
        /// The backup, or the copy's destination.
        target: Target,
        /// From creation to the moment it was seen AVAILABLE.
        took: Duration,
    },
    /// The wall clock went back to this time. Times in the future lose their meaning. Recorded occurrences more than
    /// [`AHEAD_TOLERATED`](super::limits::AHEAD_TOLERATED) ahead will come due again.
    ClockWentBack(Time),
}
