//! What people do in a world, at AWS and with Lifeboat.

/// What a person does to what is ours. Numbers choose among what is there.
#[derive(Clone, Copy, Debug)]
pub enum Person {
    /// Deletes a backup or copy that is AVAILABLE or FAILED.
    Deletes(u64),
    /// Takes our tags off one.
    Untags(u64),
    /// Mistypes one of our tags on one.
    Edits(u64),
    /// Puts right every tag that somebody mistyped.
    Mends,
    /// Puts one on hold.
    Holds(u64),
    /// Copies a backup of ours, tags and all.
    Copies(u64),
    /// Backs up another file system with the tags of a backup of ours.
    Forges(u64),
}

/// What a person orders. Numbers choose among what is there.
#[derive(Clone, Copy, Debug)]
pub enum DrawnOrder {
    /// A backup of one source.
    Backup(u64),
    /// The same once more, as a command does that had no answer.
    Again,
    /// What was ordered of a policy and is not done is given up.
    Cancel(u64),
    /// A policy stops for so long, ms.
    Pause(u64, i64),
    /// It goes on.
    Resume(u64),
    /// A recovery point is kept.
    Hold(u64),
    /// It may go.
    Release(u64),
    /// What the brake holds may go.
    ConfirmDeletions,
}
