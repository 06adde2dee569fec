//! What happened: the only way in which [`State`](super::state::State) moves.
//!
//! A change is either durable (the store writes it, in the same transaction as the others of its round) or a fact
//! about this moment that the next start finds out anew. [`Change::durable`] says which.

use super::action::{CallKey, Request, SourceFacts};
use super::deletion::Brake;
use super::dispute::Dispute;
use super::fault::Fault;
use super::id::{
    AccountAlias, AccountId, AccountRegion, BackupId, Occurrence, PolicyName, Region, SourceId, SourceKey, Target,
    WorkKey,
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

pub use super::listing_page::ListingPage;
pub use super::occurrence_record::{Counter, OccurrenceOutcome, OccurrenceRecord};
pub use super::schedule_line::Line;
pub use account::AccountEvidence;
pub use forgotten::Forgotten;
pub use illegal::IllegalChange;
pub use lane::LaneEvidence;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A policy selects this source (newly, under another policy name, or with other destinations).
    MembershipUpdated {
        /// Which.
        source: SourceKey,
        /// Where it is.
        region: Region,
        /// By which policy.
        policy: PolicyName,
        /// Its routes.
        destinations: Vec<Region>,
        /// Occurrences count from here, unless AWS shows that it was protected before.
        since: Time,
    },
    /// The schedules of a source changed, or the time from which they apply: these replace all earlier ones.
    Rescheduled {
        /// Which.
        source: SourceKey,
        /// As [`Membership::lines`](super::state::Membership::lines).
        lines: Vec<Line>,
    },
    /// No policy selects this source any more.
    SourceDeparted {
        /// Which.
        source: SourceKey,
    },
    /// An occurrence came due or was found at AWS.
    Opened {
        /// Whose.
        source: SourceKey,
        /// Which.
        occurrence: Occurrence,
        /// Its record.
        record: OccurrenceRecord,
    },
    /// An occurrence ended; it need not have been opened before.
    Closed {
        /// Whose.
        source: SourceKey,
        /// Which.
        occurrence: Occurrence,
        /// Its record.
        record: OccurrenceRecord,
        /// How.
        end: OccurrenceOutcome,
        /// Why, for people.
        reason: String,
        /// When.
        at: Time,
        /// How many earlier occurrences this record also represents, after an outage too long to record each of them.
        earlier: u64,
    },
    /// A person cancelled an occurrence that had been ordered by hand: nothing more is requested for it, and it ends.
    Cancelled {
        /// Whose.
        source: SourceKey,
        /// Which.
        occurrence: Occurrence,
        /// When.
        at: Time,
    },
    /// Intent: this request is about to be sent. Committed before the call.
    RequestRecorded {
        /// What for.
        key: WorkKey,
        /// Which attempt.
        attempt: u32,
        /// The whole request.
        request: Arc<Request>,
        /// When.
        at: Time,
    },
    /// A pending request was refused, or got no answer.
    RequestFailed {
        /// What for.
        key: WorkKey,
        /// The error.
        fault: Fault,
        /// AWS certainly created nothing: the pending request is withdrawn.
        definite: bool,
        /// Not again before.
        not_before: Time,
    },
    /// AWS's inventory proves that nothing was created: the pending request is withdrawn.
    RequestNeverApplied {
        /// What for.
        key: WorkKey,
    },
    /// After a reload or an hour, a permanently refused request may be retried.
    RequestRetryAllowed(WorkKey),
    /// A backup or copy of ours in AWS's inventory, new or with a new state. Completes the pending request for it.
    BackupObserved {
        /// As it stands now.
        point: Box<RecoveryPoint>,
    },
    /// A backup or copy of ours is no longer in AWS's inventory.
    BackupRemoved {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
        /// When that was seen.
        at: Time,
    },
    /// It carries our tags, and a field of AWS or the record contradicts them, so it must not be counted; or (`None`)
    /// nothing contradicts them any more, or it is deleted.
    Disputed {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
        /// What contradicts it.
        dispute: Option<Box<Dispute>>,
    },
    /// A complete listing did not show it, or (`None`) it was seen again.
    MissingFromListing {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
        /// Since when its existence is in doubt.
        missing_since: Option<Time>,
    },
    /// A person paused a policy, resumed it, or changed the end of its pause.
    Paused {
        /// Which.
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
    /// A complete listing of a place ended.
    Listed {
        /// Where.
        place: AccountRegion,
        /// When its first page was asked for.
        began_at: Time,
        /// Its pages.
        pages: u32,
        /// Backups that count towards the quota of user backups.
        user_backups: u64,
        /// Copies in flight that are not ours, with their lanes.
        others: Vec<(BackupId, Vec<Lane>)>,
        /// Backups that are not ours, by id, and of which source each is.
        other_backups: Vec<(BackupId, SourceId)>,
    },
    /// The first answer that names an account says who it is.
    AccountRecorded {
        /// As the policy file calls it.
        account: AccountAlias,
        /// As AWS does.
        id: AccountId,
        /// When.
        at: Time,
    },
    /// What a response showed about the account that sent it.
    Account(AccountEvidence),
    /// AWS's inventory at a place was read.
    InventoryRead {
        /// Where.
        place: AccountRegion,
        /// When.
        at: Time,
    },

    /// Intent: this backup or copy will be deleted, once AWS has shown it again and nothing prevents it.
    DeletionPlanned {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
        /// Why, for people.
        reason: String,
        /// A person confirmed it.
        confirmed: bool,
        /// When.
        at: Time,
    },
    /// A planned deletion is cancelled.
    DeletionCancelled {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
        /// Why, for people.
        reason: String,
    },
    /// Intent: DeleteBackup will be called now. Committed before the call; its answer is [`Change::BackupRemoved`].
    DeletionRequested {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
        /// When.
        at: Time,
    },
    /// DeleteBackup was refused, or got no answer.
    DeletionFailed {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
        /// The error.
        fault: Fault,
        /// Not again before.
        not_before: Time,
    },
    /// A person wants a hold set or lifted; kept until AWS's inventory shows it.
    HoldRequested {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
        /// The reason of the hold, which may be empty; `None` lifts it.
        hold: Option<String>,
        /// When.
        at: Time,
    },
    /// The tag of a hold was written or removed, or (with a fault) was not.
    HoldTried {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
        /// The error, if it failed.
        fault: Option<Fault>,
        /// Not again before.
        not_before: Time,
    },
    /// AWS's inventory shows the hold as requested.
    HoldConfirmed {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
    },
    /// A look by id showed a point of ours that is to be deleted or held.
    Inspected {
        /// Where.
        place: AccountRegion,
        /// Which.
        id: BackupId,
        /// Its ARN, if the answer named it.
        arn: Option<String>,
        /// When.
        at: Time,
    },
    /// Retention looked at a source.
    Reviewed {
        /// Which.
        source: SourceKey,
        /// Not again before, unless something changes.
        next: Time,
        /// What waits for a person.
        braked: BTreeMap<Target, Brake>,
    },

    /// A call leaves.
    Sent {
        /// Where to.
        place: AccountRegion,
        /// Which.
        call: CallKey,
        /// When.
        at: Time,
    },
    /// A call returned, with or without success.
    Returned {
        /// Where from.
        place: AccountRegion,
        /// Which.
        call: CallKey,
        /// The fault, if it concerns the account and Region rather than this call.
        fault: Option<Fault>,
        /// When.
        at: Time,
    },
    /// A planned call is dropped, because the changes planned with it could not be committed. It was never sent.
    Withdrawn {
        /// Where it was to go.
        place: AccountRegion,
        /// Which.
        call: CallKey,
    },
    /// AWS refused to list or describe backups, for another reason than an outage; or (`None`) it no longer refuses.
    ReadAnswered {
        /// Where.
        place: AccountRegion,
        /// A listing or a look.
        call: CallKey,
        /// The refusal.
        fault: Option<Fault>,
        /// When.
        at: Time,
    },
    /// The first page of a listing is asked for.
    ListingBegan {
        /// Where.
        place: AccountRegion,
        /// When.
        at: Time,
    },
    /// A page of a listing came; more follow.
    ListingPage {
        /// Where.
        place: AccountRegion,
        /// What it showed.
        page: ListingPage,
        /// Where the next begins.
        next_token: String,
    },
    /// A page failed: again, from `next_token`, not before.
    ListingStalled {
        /// Where.
        place: AccountRegion,
        /// Not again before.
        not_before: Time,
        /// Begin anew with the first page.
        restart: bool,
    },
    /// A listing is wanted, begun at or after this time.
    ListingWanted {
        /// Where.
        place: AccountRegion,
        /// Begun not before.
        at: Time,
    },
    /// The next poll of these ids, and how many of them one call may contain.
    PollScheduled {
        /// Where.
        place: AccountRegion,
        /// Which.
        ids: Vec<BackupId>,
        /// When.
        at: Time,
        /// The largest batch from now on, since a batch with them was refused; 0 removes the limit, `None` leaves it
        /// unchanged.
        batch: Option<usize>,
    },
    /// What an answer showed of the lanes.
    Lane(LaneEvidence),
    /// A lookup of sources is sent; they are not looked up again until the given time.
    SourceLookupSent {
        /// In which account.
        account: AccountAlias,
        /// Which.
        ids: Vec<SourceId>,
        /// Not before.
        until: Time,
    },
    /// A source was looked up.
    SourceLookedUp {
        /// In which account.
        account: AccountAlias,
        /// What AWS says.
        facts: Box<SourceFacts>,
        /// When that was asked.
        at: Time,
    },
    /// A lookup of a source failed.
    SourceLookupFailed {
        /// Which.
        source: SourceKey,
        /// How.
        fault: Fault,
        /// When that was asked.
        at: Time,
        /// Not again before.
        not_before: Time,
        /// A batch of this size failed because one id in it is unknown.
        batch: Option<usize>,
    },
    /// Nothing needs this any more.
    Forgotten(Forgotten),
    /// At this time the state was searched for entries that nothing needs any more.
    Swept(Time),
    /// Sources were synchronised with the policy of this [generation](super::policy::Settings::generation).
    Synced(u64),
    /// All occurrences of a policy up to this time are recorded.
    Checked {
        /// Which policy.
        policy: PolicyName,
        /// Up to here.
        through: Time,
        /// When it comes due next after that, if ever: the calendar is not evaluated again until then.
        next: Option<Time>,
    },
    /// A backup or copy took this long.
    Timed {
        /// Backup, or copy to where.
        target: Target,
        /// From creation to the moment it was seen AVAILABLE.
        took: Duration,
    },
    /// The wall clock went back: times in the future mean nothing any more, and occurrences that it put on record more
    /// than [`AHEAD_TOLERATED`](super::limits::AHEAD_TOLERATED) ahead will come due once more.
    ClockWentBack {
        /// To here.
        to: Time,
    },
}
