//! Pages of listings: their size, their order, and their tokens (fact 24).

use serde_json::Value;

use super::super::rng::{fingerprint, mix};
use super::{ApiError, Call, Cloud, text};

/// The position of a listing. All of it is in the NextToken, so nothing is kept between pages.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Bookmark {
    /// Determines this listing's order.
    salt: u64,
    /// The last item shown, in that order; 0: none yet.
    after: u64,
    issued_ms: u64,
    /// Fingerprint of the request, so that a token works for no other.
    question: u64,
    /// The previous page was empty.
    was_empty: bool,
}

impl Bookmark {
    fn token(self) -> String {
        let sum = self.sum();
        let Self { salt, after, issued_ms, question, was_empty } = self;
        // Hex digits are valid base64, and 84 of them are whole groups, as the pattern of NextToken requires.
        format!("{salt:016x}{after:016x}{issued_ms:016x}{question:016x}{:04x}{sum:016x}", u64::from(was_empty))
    }

    fn sum(self) -> u64 {
        mix(self.salt ^ mix(self.after ^ mix(self.issued_ms ^ mix(self.question ^ u64::from(self.was_empty)))))
    }

    fn read(token: &str) -> Option<Self> {
        let part = |from: usize, to: usize| token.get(from..to).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let mark = Self {
            salt: part(0, 16)?,
            after: part(16, 32)?,
            issued_ms: part(32, 48)?,
            question: part(48, 64)?,
            was_empty: part(64, 68)? == 1,
        };
        (token.len() == 84 && part(68, 84)? == mark.sum()).then_some(mark)
    }
}

impl Cloud {
    /// One page of `all`, and the token of the next. Each item comes with a unique number below 2^63, in order of
    /// creation; that is the order of the listing unless `shuffled`.
    pub(super) fn page<T>(
        &mut self,
        call: &Call<'_>,
        all: Vec<(u64, T)>,
        shuffled: bool,
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        let question = question(call);
        let mark = match text(call.body, "NextToken") {
            None => {
                let salt = self.orders.next_u64();
                let salt = if shuffled && self.settings.shuffle { salt } else { 0 };
                Bookmark { salt, after: 0, issued_ms: 0, question, was_empty: false }
            }
            Some(token) => self.read_bookmark(token, question, call.now_ms)?,
        };
        // Mixing is a bijection, so each item has a unique position; 0 is reserved for "none yet".
        let place = |number: u64| {
            if mark.salt == 0 { number + 1 } else { mix(number ^ mark.salt).max(1) }
        };
        let mut rest: Vec<(u64, T)> = all
            .into_iter()
            .map(|(number, item)| (place(number), item))
            .filter(|(place, _)| *place > mark.after)
            .collect();
        let size = self.page_length(call, mark.was_empty);
        let more = rest.len() > size;
        if more && size > 0 {
            rest.select_nth_unstable_by_key(size - 1, |(place, _)| *place);
        }
        rest.truncate(size);
        rest.sort_unstable_by_key(|(place, _)| *place);
        let next = Bookmark {
            after: rest.last().map_or(mark.after, |(place, _)| *place),
            issued_ms: u64::try_from(call.now_ms).unwrap_or(0),
            was_empty: rest.is_empty(),
            ..mark
        };
        Ok((rest.into_iter().map(|(_, item)| item).collect(), more.then(|| next.token())))
    }

    fn read_bookmark(&self, token: &str, question: u64, now_ms: i64) -> Result<Bookmark, ApiError> {
        let memory_ms = (self.settings.next_token_seconds * 1_000.0) as u64;
        let now_ms = u64::try_from(now_ms).unwrap_or(0);
        Bookmark::read(token)
            .filter(|mark| mark.question == question)
            .filter(|mark| memory_ms == 0 || mark.issued_ms.saturating_add(memory_ms) > now_ms)
            .ok_or_else(|| ApiError::bad_request("The specified NextToken is invalid or has expired."))
    }

    fn page_length(&mut self, call: &Call<'_>, was_empty: bool) -> usize {
        let asked = call.body.get("MaxResults").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let most = asked.min(u64::from(self.settings.page_size.max(1))).max(1);
        let (empty, short) = (self.settings.empty_page_percent, self.settings.short_page_percent);
        if self.orders.percent(empty) && !was_empty {
            return 0;
        }
        let cut = if self.orders.percent(short) { self.orders.next_u64() % most } else { 0 };
        usize::try_from(most - cut).unwrap_or(usize::MAX)
    }
}

/// The request without its paging.
fn question(call: &Call<'_>) -> u64 {
    let body = match call.body {
        Value::Object(members) => {
            let asked = members.iter().filter(|(name, _)| !matches!(name.as_str(), "NextToken" | "MaxResults"));
            Value::Object(asked.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        other => other.clone(),
    };
    fingerprint(&format!("{} {} {body}", call.place.0, call.operation))
}
