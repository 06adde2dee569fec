//! Which of the routes that wait for a lane gets the next slot.
//!
//! A lane takes five copies at a time and a copy cannot be stopped, so the order decides which routes meet their RPO.
//! Ordering by deadline alone is right as long as all RPOs can be met, and wrong as soon as they cannot: then every slot goes
//! to the route that missed its RPO longest ago, and one after the other all come too late. So the rule is:
//!
//! 1. **All RPOs can be met**: the route with the least time left goes first. Time left is deadline − now − how long its
//!    copy will take ([`super::durations`]).
//! 2. **Not all can be met**: the benefit of a slot decides. The benefit of a copy is the time by which its route meets its
//!    RPO longer than without it, and the route with the largest benefit per minute of slot goes first. A *round* is the time
//!    that the lane needs to copy every waiting route once. Benefit beyond [`BENEFIT_ROUNDS_MAX`] rounds does not count, since
//!    by then the route would have had its turn anyway; and with a tenth of a round left a copy counts half, with two tenths
//!    a third, since a route that is not late yet loses little by waiting.
//! 3. **Nobody starves**: a route that is late by [`ROUNDS_LATE`] rounds goes before all others, the latest first. See
//!    [`rank`] for why this ends.
//! 4. A copy that comes too late to meet the RPO even for a moment comes after those that do not; a route without
//!    an RPO comes last, and counts as late after a week.
//!
//! Measured against other orders in `benches/order.rs`.

use crate::domain::id::WorkKey;
use crate::domain::state::State;
use crate::domain::time::Time;
use std::cmp::Ordering;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Late by so many rounds of the lane, a route goes before all others. Such routes use no more than one of so many
/// slots in the long run.
pub const ROUNDS_LATE: u32 = 5;
/// What a copy buys beyond so many rounds of the lane does not count: once all have had a turn, all is as before.
/// Without this bound a source that is copied once a day would always go before one that is copied every hour.
const BENEFIT_ROUNDS_MAX: u32 = 2;
/// With this share of a round left, a copy counts half of what it does when it is late. It is the delay that a route has
/// to fear which waits until it is urgent: it then stands behind those few that are more urgent still, not behind all.
const HALVES_AT: f64 = 0.1;
/// A first copy makes every later one short, and is worth this much promise (as with all, no more than two rounds count);
/// so is, at most, what a person asked for.
const FIRST_COPY_BENEFIT: Duration = Duration::from_secs(86_400);
/// A route without an RPO counts as late after this.
pub const WITHOUT_RPO: Duration = Duration::from_secs(7 * 86_400);

/// In which order the slots of a lane are given: of those that wait for it, the work of each and what it wants, and when
/// each slot will be free, the places in that order.
pub type SlotOrder = fn(&State, &[&WorkKey], &[SlotRequest], &[Time], Time) -> Vec<usize>;

/// Lifeboat's order, as this module tells: that of [`rank`].
pub const TIME_LEFT: SlotOrder = |_, _, requests, slots, now| rank(requests, slots, now);

/// A copy that a route wants and could begin now, if it had a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotRequest {
    /// The RPO.
    pub rpo: Option<Duration>,
    /// When the data of the route's newest recovery point was taken; `None` if there is none.
    pub reached: Option<Time>,
    /// When the route began: with nothing held, its RPO is missed since then.
    pub since: Time,
    /// When the data of the backup to be copied was taken.
    pub taken_at: Time,
    /// How long the copy is expected to take.
    pub takes: Duration,
    /// A person asked for this very copy, then.
    pub asked_at: Option<Time>,
}

impl SlotRequest {
    /// When the route misses its RPO if nothing newer arrives; the past if it already has.
    #[must_use]
    pub fn deadline(&self) -> Time {
        let kept = self.rpo.unwrap_or(WITHOUT_RPO);
        match (self.asked_at, self.reached) {
            (Some(asked_at), _) => asked_at,
            (None, Some(reached)) => reached.plus(kept),
            (None, None) if self.rpo.is_none() => self.since.plus(kept),
            (None, None) => self.since,
        }
    }

    /// How long the copy may still wait and meet the RPO, ms; negative if it is too late.
    fn slack_ms(&self, now: Time) -> i64 {
        let takes_ms = i64::try_from(self.takes.as_millis()).unwrap_or(i64::MAX);
        self.deadline().millis().saturating_sub(now.millis()).saturating_sub(takes_ms)
    }

    /// How much longer the route meets its RPO with this copy than without it.
    fn benefit(&self, now: Time) -> Duration {
        let Some(rpo) = self.rpo else { return Duration::ZERO };
        if self.asked_at.is_some() {
            return rpo.min(FIRST_COPY_BENEFIT);
        }
        if self.reached.is_none() {
            return FIRST_COPY_BENEFIT;
        }
        self.taken_at.plus(rpo).since(self.deadline().max(now.plus(self.takes)))
    }

    /// What breaks a tie: who is nearer to missing its RPO, counting a first copy by what will be promised.
    fn tie_break(&self) -> Time {
        match (self.reached, self.rpo) {
            (None, Some(rpo)) => self.since.plus(rpo),
            _ => self.deadline(),
        }
    }
}

/// The places of `requests` in the order in which they get slots. `slots` says when each slot of the lane will be free,
/// as far as that can be told: `now` for those that are. Equal ones stay as they are given.
///
/// Every route gets its slot: one that is late by `W` = [`ROUNDS_LATE`] × Σ takes ÷ slots, the sum over all that wait,
/// yields only to those that are later than it, of which each goes once, since the copy it gets makes it the less late of
/// the two. So it begins at the latest when it is late by `W`, plus one copy of each of the others, plus the longest one
/// that is under way. And those that go first for being late take one slot in [`ROUNDS_LATE`] in the long run, since a
/// route that got a slot has to become late by `W` before it does so again.
#[must_use]
pub fn rank(requests: &[SlotRequest], slots: &[Time], now: Time) -> Vec<usize> {
    let mut places: Vec<usize> = (0..requests.len()).collect();
    places.sort_by(|a, b| by_time_left(&requests[*a], &requests[*b], now));
    if !all_met(requests, &places, slots, now) {
        let lane = LaneLoad::of(requests, slots.len());
        let keys: Vec<Priority> = requests.iter().map(|request| lane.priority(request, now)).collect();
        places.sort_by(|a, b| keys[*a].compare(&keys[*b]));
    }
    places
}

fn by_time_left(a: &SlotRequest, b: &SlotRequest, now: Time) -> Ordering {
    let key = |request: &SlotRequest| (request.rpo.is_none(), request.slack_ms(now), request.tie_break());
    key(a).cmp(&key(b))
}

/// Whether every RPO is met if they go in this order, each into the slot that is free first.
fn all_met(requests: &[SlotRequest], places: &[usize], slots: &[Time], now: Time) -> bool {
    let mut free: BinaryHeap<Reverse<Time>> = slots.iter().map(|at| Reverse((*at).max(now))).collect();
    places.iter().map(|at| &requests[*at]).all(|request| {
        let Some(Reverse(begins)) = free.pop() else { return false };
        let ends = begins.plus(request.takes);
        free.push(Reverse(ends));
        ends <= request.deadline()
    })
}

/// What all that wait for a lane have in common.
struct LaneLoad {
    /// How long the lane needs to copy every one of them once.
    round: Duration,
}

impl LaneLoad {
    fn of(requests: &[SlotRequest], slots: usize) -> Self {
        let sum = requests.iter().fold(Duration::ZERO, |sum, request| sum.saturating_add(request.takes));
        Self { round: sum / u32::try_from(slots.max(1)).unwrap_or(u32::MAX) }
    }

    fn priority(&self, request: &SlotRequest, now: Time) -> Priority {
        let tie_break = request.tie_break();
        if now.since(request.deadline()) >= self.round.saturating_mul(ROUNDS_LATE) {
            return Priority { class: 0, worth: 0.0, tie_break: request.deadline() };
        }
        if request.rpo.is_none() {
            return Priority { class: 3, worth: 0.0, tie_break };
        }
        let benefit = request.benefit(now).min(self.round.saturating_mul(BENEFIT_ROUNDS_MAX));
        if benefit.is_zero() {
            return Priority { class: 2, worth: 0.0, tie_break };
        }
        let left = Duration::from_millis(u64::try_from(request.slack_ms(now)).unwrap_or(0));
        let discount = 1.0 + left.as_secs_f64() / (HALVES_AT * self.round.as_secs_f64()).max(1.0);
        let worth = benefit.as_secs_f64() / request.takes.as_secs_f64().max(1.0) / discount;
        Priority { class: 1, worth, tie_break }
    }
}

/// How a wish stands among the others when not all can be kept.
struct Priority {
    class: u8,
    /// Within its class, the more the earlier.
    worth: f64,
    tie_break: Time,
}

impl Priority {
    fn compare(&self, other: &Self) -> Ordering {
        self.class.cmp(&other.class).then(other.worth.total_cmp(&self.worth)).then(self.tie_break.cmp(&other.tie_break))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const NOW: Time = Time::from_secs(1_795_248_000);

    /// A route that copies in `takes`, promised `rpo`, whose newest point is `age` old, all in minutes; a backup
    /// was taken a moment ago.
    fn request(takes: u32, rpo: u32, age: u32) -> SlotRequest {
        SlotRequest {
            rpo: Some(MINUTE * rpo),
            reached: Some(NOW.minus(MINUTE * age)),
            since: NOW.minus(MINUTE * 100_000),
            taken_at: NOW,
            takes: MINUTE * takes,
            asked_at: None,
        }
    }

    fn first(requests: &[SlotRequest]) -> usize {
        rank(requests, &[NOW], NOW)[0]
    }

    #[test]
    fn while_all_can_be_kept_the_least_time_left_goes_first_not_the_nearest_deadline() {
        // Nearer deadline: 100 minutes left until it, of which a copy takes 10. The other: 130, of which it takes 90.
        let requests = [request(10, 200, 100), request(90, 330, 200)];
        assert_eq!(first(&requests), 1);
        assert_eq!(first(&[request(10, 200, 180), request(10, 200, 120), request(10, 200, 185)]), 2);
    }

    #[test]
    fn a_hopeless_route_does_not_drag_those_down_that_can_be_kept() {
        // Ten hours for a promise of one: this copy is too late before it begins. The other has 5 minutes left.
        let hopeless = SlotRequest { taken_at: NOW.minus(MINUTE), ..request(600, 60, 90) };
        assert_eq!(first(&[hopeless, request(10, 200, 185)]), 1);
    }

    #[test]
    fn when_not_all_can_be_kept_a_slot_goes_where_it_buys_most() {
        // All late. A quarter of an hour of slot buys 100 minutes of promise here, and three hours there.
        let crowd = [request(150, 3000, 3001), request(15, 115, 120), request(15, 195, 200)];
        assert_eq!(first(&crowd), 2);
        // The same promise for less slot.
        assert_eq!(first(&[request(90, 300, 310), request(10, 300, 310)]), 1);
    }

    #[test]
    fn a_crowd_of_daily_routes_does_not_keep_an_hourly_one_waiting() {
        // Five slots need an hour and a half for thirty late routes, each of which buys a day for a quarter of an hour.
        let mut requests = vec![request(15, 1500, 1560); 30];
        requests.push(request(7, 120, 112));
        assert_eq!(rank(&requests, &[NOW; 5], NOW)[0], 30);
        // It does not go first while it can well wait.
        requests[30] = request(7, 120, 50);
        assert_ne!(rank(&requests, &[NOW; 5], NOW)[0], 30);
    }

    #[test]
    fn who_is_about_to_be_late_goes_before_one_that_is_late_and_buys_little() {
        let mut requests = vec![request(10, 100, 105); 12];
        requests.push(request(10, 300, 285));
        assert_eq!(first(&requests), 12);
        requests[12] = request(10, 300, 120);
        assert_ne!(first(&requests), 12);
    }

    #[test]
    fn a_first_copy_waits_for_those_about_to_break_and_a_route_without_promise_for_all() {
        let empty = SlotRequest { reached: None, since: NOW.minus(MINUTE), ..request(600, 1500, 0) };
        let none = SlotRequest { rpo: None, ..request(1, 0, 3000) };
        let order = rank(&[none.clone(), empty.clone(), request(10, 120, 109)], &[NOW], NOW);
        assert_eq!(order, [2, 1, 0]);
        assert_eq!(rank(&[none, request(10, 2000, 10)], &[NOW, NOW], NOW), [1, 0]);
    }

    #[test]
    fn of_first_copies_the_short_one_goes_first_then_the_one_with_the_tighter_promise() {
        let empty = |takes, rpo| SlotRequest { reached: None, since: NOW.minus(MINUTE), ..request(takes, rpo, 0) };
        let order = rank(&[empty(60, 1500), empty(60, 300), empty(10, 1500)], &[NOW], NOW);
        assert_eq!(order, [2, 1, 0]);
    }

    fn any_wish() -> impl Strategy<Value = SlotRequest> {
        (1..600_u32, prop::option::weighted(0.9, 30..3000_u32), prop::option::weighted(0.9, 0..5000_u32), 0..3000_u32)
            .prop_map(|(takes, rpo, age, fresh)| SlotRequest {
                rpo: rpo.map(|minutes| MINUTE * minutes),
                reached: age.map(|age| NOW.minus(MINUTE * age.max(fresh + 1))),
                taken_at: NOW.minus(MINUTE * fresh),
                ..request(takes, 0, 0)
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Everybody is in the order, once, and it does not depend on how they were given.
        #[test]
        fn an_order_of_all(requests in prop::collection::vec(any_wish(), 1..40), slots in 1..6_usize) {
            let ranked = rank(&requests, &vec![NOW; slots], NOW);
            let mut sorted = ranked.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..requests.len()).collect::<Vec<_>>());
            let backwards: Vec<SlotRequest> = requests.iter().rev().cloned().collect();
            let again = rank(&backwards, &vec![NOW; slots], NOW);
            let left = |at: usize| requests[at].slack_ms(NOW);
            let left_again = |at: usize| backwards[at].slack_ms(NOW);
            let one: Vec<i64> = ranked.iter().map(|at| left(*at)).collect();
            let two: Vec<i64> = again.iter().map(|at| left_again(*at)).collect();
            prop_assert_eq!(one, two);
        }

        /// Who is nearer to breaking the promise, takes no longer and gains no less is never behind.
        #[test]
        fn the_nearer_the_cheaper_the_better(others in prop::collection::vec(any_wish(), 0..20), one in any_wish(), less in 0..600_u32) {
            let worse = SlotRequest { rpo: Some(MINUTE * 600), ..one };
            prop_assume!(worse.reached.is_some());
            let better = SlotRequest { reached: worse.reached.map(|at| at.minus(MINUTE * (less + 1))), ..worse.clone() };
            let mut requests = others;
            requests.extend([worse, better]);
            let order = rank(&requests, &[NOW, NOW], NOW);
            let place = |at: usize| order.iter().position(|of| *of == at);
            let (worse, better) = (requests.len() - 2, requests.len() - 1);
            // Too late for both to be of any use, or late: the gain of the two is the same or grows with the need.
            prop_assert!(place(better) < place(worse));
        }
    }

    /// A lane in which more is wanted than it can do, for six weeks: nobody waits for longer than [`rank`] says.
    #[test]
    fn nobody_starves() {
        for seed in 0..10_u32 {
            let slots = 1 + seed as usize % 5;
            // (takes, schedule, promise), minutes: short and long copies, tight, hopeless and absent promises.
            let routes: Vec<(u32, u32, Option<u32>)> = (0..24)
                .map(|nth| {
                    let draw =
                        |salt: u32, below: u32| (seed * 7919 + nth * 104_729 + salt * 1_299_709) % 10_007 % below;
                    let (takes, every) = (1 + draw(1, 240), [15, 60, 240, 1440][draw(2, 4) as usize]);
                    (takes, every, (draw(3, 8) > 0).then(|| every + draw(4, 3 * every)))
                })
                .collect();
            let longest = routes.iter().map(|(takes, ..)| *takes).max().unwrap();
            let sum: u32 = routes.iter().map(|(takes, ..)| *takes).sum();
            let bound = MINUTE * (sum * (ROUNDS_LATE + 1) / slots as u32 + 2 * longest);
            let mut free = vec![0_u32; slots];
            let mut reached: Vec<Option<u32>> = vec![None; routes.len()];
            let mut flies_until = vec![0_u32; routes.len()];
            for minute in 1..60_000_u32 {
                let now = Time::ZERO.plus(MINUTE * minute);
                let requests: Vec<(usize, SlotRequest)> = (0..routes.len())
                    .filter(|at| flies_until[*at] <= minute)
                    .filter_map(|at| {
                        let (takes, every, rpo) = routes[at];
                        let taken = minute / every * every;
                        let request = SlotRequest {
                            rpo: rpo.map(|minutes| MINUTE * minutes),
                            reached: reached[at].map(|minutes| Time::ZERO.plus(MINUTE * minutes)),
                            since: Time::ZERO,
                            taken_at: Time::ZERO.plus(MINUTE * taken),
                            takes: MINUTE * takes,
                            asked_at: None,
                        };
                        reached[at].is_none_or(|reached| reached < taken).then_some((at, request))
                    })
                    .collect();
                let late = requests.iter().map(|(_, request)| now.since(request.deadline())).max().unwrap_or_default();
                assert!(late <= bound, "seed {seed}, minute {minute}: late by {late:?}, at most {bound:?}");
                let idle: Vec<usize> = (0..slots).filter(|slot| free[*slot] <= minute).collect();
                if idle.is_empty() {
                    continue;
                }
                let ends: Vec<Time> = free.iter().map(|at| Time::ZERO.plus(MINUTE * *at)).collect();
                let only: Vec<SlotRequest> = requests.iter().map(|(_, request)| request.clone()).collect();
                for (slot, at) in idle.into_iter().zip(rank(&only, &ends, now)) {
                    let (route, _) = requests[at];
                    let (takes, every, _) = routes[route];
                    free[slot] = minute + takes;
                    flies_until[route] = minute + takes;
                    reached[route] = Some(minute / every * every);
                }
            }
        }
    }
}
