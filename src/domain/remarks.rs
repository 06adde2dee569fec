//! Properties that only few recovery points have.
//!
//! A million points are held, and nearly all of them are present, complete, not on hold and not in doubt. So a point
//! without remarks pays one word, and only a point with remarks pays an allocation.

use super::limits::IN_DOUBT_AFTER;
use super::time::Time;
use arcstr::ArcStr;
use std::num::NonZeroU64;

/// Attributes that few points have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// The reason of a hold, if a person holds it.
    pub hold: Option<ArcStr>,
    /// Why it failed.
    pub failure: Option<ArcStr>,
    /// Since when its existence is in doubt: a complete listing did not show it. It is polled by id before it is
    /// believed to be removed.
    pub missing_since: Option<Time>,
    /// Its tags contradict AWS or the record: it exists, but must not be counted until that is corrected.
    pub disputed: bool,
}

impl Remarks {
    /// Whether AWS has not shown the object for so long that its existence is unknown.
    #[must_use]
    pub fn in_doubt(&self, now: Time) -> bool {
        self.missing_since.is_some_and(|since| now.since(since) > IN_DOUBT_AFTER)
    }
}

/// [`Remarks`] that allocate only if there are any. It dereferences to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarked(Option<Box<Remarks>>);

static NONE: Remarks = Remarks { hold: None, failure: None, missing_since: None, disputed: false };

impl Remarked {
    /// Modifies the remarks.
    pub fn change(&mut self, change: impl FnOnce(&mut Remarks)) {
        let mut remarks = self.0.take().map(|remarks| *remarks).unwrap_or_default();
        change(&mut remarks);
        *self = remarks.into();
    }
}

impl From<Remarks> for Remarked {
    fn from(remarks: Remarks) -> Self {
        // Empty remarks are always `None`, so that equal remarks compare equal.
        Self((remarks != NONE).then(|| Box::new(remarks)))
    }
}

impl std::ops::Deref for Remarked {
    type Target = Remarks;

    fn deref(&self) -> &Remarks {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

/// A number of bytes. An `Option` of it has the same size: the highest value represents `None`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bytes(NonZeroU64);

impl From<u64> for Bytes {
    /// The highest value is stored as the one below it.
    fn from(bytes: u64) -> Self {
        Self(NonZeroU64::new(!bytes).unwrap_or(NonZeroU64::MIN))
    }
}

impl From<Bytes> for u64 {
    fn from(bytes: Bytes) -> Self {
        !bytes.0.get()
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", u64::from(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_that_say_nothing_are_nothing() {
        let mut remarked = Remarked::from(Remarks { hold: Some("audit".into()), ..Remarks::default() });
        assert_eq!(remarked.hold.as_deref(), Some("audit"));
        assert_ne!(remarked, Remarked::default());
        remarked.change(|remarks| remarks.missing_since = Some(Time::ZERO));
        assert_eq!((remarked.hold.as_deref(), remarked.missing_since), (Some("audit"), Some(Time::ZERO)));
        remarked.change(|remarks| *remarks = Remarks::default());
        assert!(remarked.0.is_none());
        assert_eq!(remarked, Remarked::default());
        assert_eq!(*remarked, Remarks::default());
    }

    #[test]
    fn bytes_are_the_number_they_were_made_of() {
        for number in [0, 1, 1 << 40, u64::MAX - 1] {
            assert_eq!(u64::from(Bytes::from(number)), number);
            assert_eq!(format!("{:?}", Bytes::from(number)), number.to_string());
        }
        assert_eq!(u64::from(Bytes::from(u64::MAX)), u64::MAX - 1);
        assert_eq!(size_of::<Option<Bytes>>(), 8);
    }
}
