//! The list of checks, and how often each was armed: a check that could never have failed proves nothing.

use super::Broken;
use std::cell::Cell;
use std::fmt;

/// Declares the checks in one place, so that none can be left out of [`Check::ALL`].
macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident = $promise:literal,)+) => {
        /// One kind of comparison, which a broken promise names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Check {
            $($(#[$doc])* $name,)+
        }

        impl Check {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The number of the promise in the contract that it is for, or what else must hold.
            #[must_use]
            pub const fn promise(self) -> &'static str {
                match self {
                    $(Self::$name => $promise,)+
                }
            }
        }
    };
}

checks! {
    /// A copy is asked for while others are known to be in its lane.
    LaneHasRoom = "1",
    /// Something is made for work for which something was made before.
    MadeOnce = "2",
    /// Something is made after Lifeboat let go of something.
    NotMadeAgain = "2",
    /// A copy is asked for of what is AVAILABLE.
    CopiesWhatIsDone = "2",
    /// A make is called as it is on disk.
    MakeOnDisk = "3",
    /// A deletion is called as it is on disk.
    DeletionOnDisk = "3",
    /// What a restart knows of a source.
    SameAfterRestart = "3",
    /// A hold that was ordered has reached AWS in the end.
    HoldAtAws = "3",
    /// A deletion is called while copies are asked for.
    NotCalledWhileRead = "4",
    /// Something is deleted while copies are asked for.
    NotRead = "4",
    /// Something is deleted that must carry our tags.
    Ours = "4",
    /// Something is deleted while a person holds something.
    NotHeld = "4",
    /// Something is deleted while some source is in no policy.
    SourceNamed = "4",
    /// A recovery point is deleted where another must be as new.
    NotTheNewest = "4",
    /// A copy is deleted where another must be left under its key.
    NotTheLastOfItsKey = "4",
    /// A recovery point is deleted that its policy keeps by number or by span.
    NotKeptByRule = "4",
    /// Something may be deleted while the policy leaves that to another host.
    LeftToAnotherHost = "4",
    /// Points of a route are let go.
    Brake = "the brake",
    /// A copy is asked for that was not asked for in these words before.
    UnderItsKey = "the policy",
    /// Something is recorded while the time is off.
    NotByAWrongClock = "the clock",
    /// An occurrence is opened.
    OpenedOnce = "5",
    /// An occurrence is closed.
    ClosedOnce = "5",
    /// An occurrence is on record that must have been scheduled.
    WasScheduled = "5",
    /// An occurrence came due and must be on record.
    OnRecord = "5",
    /// What a person cancelled has ended.
    CancelledEnds = "5",
    /// An occurrence is called completed.
    CompletedIsTrue = "5",
    /// An occurrence is called missed.
    MissedIsTrue = "5",
    /// In the end what came due has ended.
    AllEnded = "5",
    /// The newest point that is claimed is there.
    ClaimIsTrue = "6",
    /// What is AVAILABLE is known to be.
    KnownSoon = "6",
    /// What was known before another account answered is known while it does.
    NotByAnother = "6",
    /// A backup that can begin begins, while something else is in trouble.
    BackupBesideTrouble = "7",
    /// A copy that can begin begins, while something else is in trouble.
    CopyBesideTrouble = "7",
    /// What is kept of a source whose policy keeps the last N.
    PrunedBesideTrouble = "7",
    /// A backup that can begin begins.
    BackupGoesOn = "8",
    /// Work is asked for more than once in an hour.
    AskedSeldom = "8",
    /// A deletion is asked for more than once in an hour.
    DeletedSeldom = "8",
    /// A place is read.
    ReadSeldom = "8",
    /// A copy is refused for want of a slot.
    LaneClosed = "8",
    /// The planner was asked for a plan.
    ComesToRest = "8",
    /// A copy that can begin begins.
    CopyGoesOn = "9",
    /// A route gets a slot while another waits for one.
    NearestFirst = "9",
    /// A source must have a new backup after the trouble.
    BackupHeals = "9",
    /// A route must have a new copy after the trouble.
    CopyHeals = "9",
    /// In the end a route has the newest.
    CopiedInTheEnd = "9",
    /// In the end nothing is asked for.
    NothingAskedInTheEnd = "9",
    /// In the end the process lives.
    AliveInTheEnd = "9",
    /// A policy selects sources by tag.
    SelectsByTag = "the policy",
    /// A policy file was refused.
    RefusedChangesNothing = "10",
    /// A change moves the state, and a look finds none of them blocked.
    StateIsLegal = "the state",
    /// The disk takes and gives.
    DiskServes = "the store",
}

impl Check {
    /// Its promise, broken.
    pub(in super::super) const fn broken(self, what: String) -> Broken {
        Broken { check: self, promise: self.promise(), what }
    }
}

/// Counts, while a world runs, the comparisons that could have failed.
#[derive(Debug)]
pub struct Armed([Cell<u64>; Check::ALL.len()]);

impl Default for Armed {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Cell::new(0)))
    }
}

impl Armed {
    /// A comparison is made that could fail.
    pub fn count(&self, check: Check) {
        let cell = &self.0[check as usize];
        cell.set(cell.get() + 1);
    }

    /// What it came to.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts(std::array::from_fn(|at| self.0[at].get()))
    }
}

/// How often each check was armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts([u64; Check::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; Check::ALL.len()])
    }
}

impl Counts {
    /// With those of another world.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }

    /// Of one check.
    #[must_use]
    pub const fn of(&self, check: Check) -> u64 {
        self.0[check as usize]
    }

    /// The checks that never were.
    pub fn never(&self) -> impl Iterator<Item = Check> + '_ {
        Check::ALL.iter().copied().filter(|check| self.of(*check) == 0)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in Check::ALL {
            writeln!(f, "  {:>9} {:>12}  {check:?}", check.promise(), self.of(*check))?;
        }
        Ok(())
    }
}
