//! Which of the routes that wait for a lane gets the next slot.
//!
//! A lane takes five copies at a time and a copy cannot be stopped, so the order decides which routes meet their RPO.
//! Ordering by deadline alone is right as long as all RPOs can be met, and wrong as soon as they cannot: then every
//! slot goes to the route that missed its RPO longest ago, and all of them are late one after the other. So the rule
//! is:
//!
//! 1. **All RPOs can be met**: the route with the least time left goes first. Time left is deadline − now − expected
//!    duration of its copy ([`super::durations`]).
//! 2. **Not all can be met**: the route with the largest benefit per minute of slot goes first. The benefit of a copy
//!    is the time by which its route meets its RPO longer than without it. A *round* is the time that the lane needs to
//!    copy every waiting route once. Benefit beyond [`BENEFIT_ROUNDS_MAX`] rounds does not count, since by then the
//!    route would have had its turn anyway. A copy with a tenth of a round left counts half, with two tenths a third,
//!    since a route that is not late yet loses little by waiting.
//! 3. **No starvation**: a route that is late by [`ROUNDS_LATE`] rounds goes before all others, the latest first. See
//!    [`rank`] for the bound.
//! 4. A copy that comes too late to meet the RPO at all comes after those that do not; a route without an RPO comes
//!    last and counts as late after a week.
//!
//! `benches/order.rs` compares this with other orders.

use crate::domain::id::WorkKey;
use crate::domain::state::State;
use crate::domain::time::Time;
use std::cmp::Ordering;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// A route that is late by this many rounds of the lane goes before all others. In the long run such routes use at most
/// one in this many slots.
pub const ROUNDS_LATE: u32 = 5;
/// Benefit beyond this many rounds of the lane does not count: by then every route has had a turn. Without this bound a
/// source that is copied once a day would always go before one that is copied every hour.
const BENEFIT_ROUNDS_MAX: u32 = 2;
/// With this fraction of a round left, a copy counts half of what it does when late. It is the delay that a route risks
/// by waiting until it is urgent: it is then behind the few that are more urgent, not behind all.
const HALVES_AT: f64 = 0.1;
/// A first copy makes all later ones short, and counts as this much benefit (capped at two rounds like any other). It
/// is also the maximum for an on-demand copy.
const FIRST_COPY_BENEFIT: Duration = Duration::from_secs(86_400);
/// A route without an RPO counts as late after this.
pub const WITHOUT_RPO: Duration = Duration::from_secs(7 * 86_400);

/// An order in which the slots of a lane are given. Input: the work and the request of each waiting route, when each
/// slot will be free, and the time; output: indices of the requests.
pub type SlotOrder = fn(&State, &[&WorkKey], &[SlotRequest], &[Time], Time) -> Vec<usize>;

/// Lifeboat's own order: that of [`rank`].
pub const TIME_LEFT: SlotOrder = |_, _, requests, slots, now| rank(requests, slots, now);

/// A copy that a route needs and that only lacks a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotRequest {
    /// The RPO.
    pub rpo: Option<Duration>,
    /// When the data of the route's newest recovery point was taken; `None` if there is none.
    pub reached: Option<Time>,
    /// When the route began: without any point, it misses its RPO from then on.
    pub since: Time,
    /// When the data of the backup to be copied was taken.
    pub taken_at: Time,
    /// How long the copy is expected to take.
    pub takes: Duration,
    /// When a person asked for this particular copy.
    pub asked_at: Option<Time>,
}

impl SlotRequest {
    /// When the route misses its RPO unless something newer arrives; in the past if it already does.
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

    /// How long the copy can still wait and meet the RPO, in ms; negative if it is too late.
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

    /// Breaks ties: the route that will miss its RPO first; for a first copy, the RPO counts from `since`.
    fn tie_break(&self) -> Time {
        match (self.reached, self.rpo) {
            (None, Some(rpo)) => self.since.plus(rpo),
            _ => self.deadline(),
        }
    }
}

/// The indices of `requests` in the order in which they get slots. `slots` says when each slot of the lane will be
/// free, as far as known: `now` for free ones. The sort is stable.
///
/// No route starves. A route that is late by `W` = [`ROUNDS_LATE`] × Σ takes ÷ slots, the sum over all that wait,
/// yields only to later ones, and to each of these once, since the copy makes that one the less late of the two. So it
/// starts when it is late by `W` plus one copy of each other route plus the longest copy under way, at the latest. And
/// in the long run such routes take only one slot in [`ROUNDS_LATE`], since a route that got a slot has to become late
/// by `W` again first.
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

/// Whether all RPOs are met if the requests go in this order, each into the first free slot.
fn all_met(requests: &[SlotRequest], places: &[usize], slots: &[Time], now: Time) -> bool {
    let mut free: BinaryHeap<Reverse<Time>> = slots.iter().map(|at| Reverse((*at).max(now))).collect();
    places.iter().map(|at| &requests[*at]).all(|request| {
        let Some(Reverse(begins)) = free.pop() else { return false };
        let ends = begins.plus(request.takes);
        free.push(Reverse(ends));
        ends <= request.deadline()
    })
}

/// Properties of all requests for a lane together.
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

/// The priority of a request when not all RPOs can be met.
struct Priority {
    class: u8,
    /// Within its class, higher goes first.
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

    /// A request of a route with this RPO whose copy takes `takes` and whose newest point is `age` old, all in minutes;
    /// a backup was just taken.
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
    fn while_all_rpos_can_be_met_the_least_time_left_goes_first_not_the_nearest_deadline() {
        // The nearer deadline: 100 minutes away, of which a copy takes 10. The other: 130 minutes, of which it takes
        // 90.
        let requests = [request(10, 200, 100), request(90, 330, 200)];
        assert_eq!(first(&requests), 1);
        assert_eq!(first(&[request(10, 200, 180), request(10, 200, 120), request(10, 200, 185)]), 2);
    }

    #[test]
    fn a_hopeless_route_does_not_delay_routes_that_can_meet_their_rpo() {
        // A copy of ten hours for an RPO of one: too late before it starts. The other route has 5 minutes left.
        let hopeless = SlotRequest { taken_at: NOW.minus(MINUTE), ..request(600, 60, 90) };
        assert_eq!(first(&[hopeless, request(10, 200, 185)]), 1);
    }

    #[test]
    fn when_not_all_rpos_can_be_met_a_slot_goes_where_its_benefit_is_largest() {
        // All are late. 15 minutes of slot gain 100 minutes of RPO on one route and three hours on the other.
        let requests = [request(150, 3000, 3001), request(15, 115, 120), request(15, 195, 200)];
        assert_eq!(first(&requests), 2);
        // The same benefit for less slot time.
        assert_eq!(first(&[request(90, 300, 310), request(10, 300, 310)]), 1);
    }

    #[test]
    fn a_crowd_of_daily_routes_does_not_keep_an_hourly_one_waiting() {
        // Five slots need 90 minutes for thirty late routes, each of which gains a day for 15 minutes of slot.
        let mut requests = vec![request(15, 1500, 1560); 30];
        requests.push(request(7, 120, 112));
        assert_eq!(rank(&requests, &[NOW; 5], NOW)[0], 30);
        // It does not go first while it can wait.
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
    fn a_first_copy_waits_for_routes_about_to_miss_their_rpo_and_a_route_without_rpo_for_all() {
        let empty = SlotRequest { reached: None, since: NOW.minus(MINUTE), ..request(600, 1500, 0) };
        let none = SlotRequest { rpo: None, ..request(1, 0, 3000) };
        let order = rank(&[none.clone(), empty.clone(), request(10, 120, 109)], &[NOW], NOW);
        assert_eq!(order, [2, 1, 0]);
        assert_eq!(rank(&[none, request(10, 2000, 10)], &[NOW, NOW], NOW), [1, 0]);
    }

    #[test]
    fn of_first_copies_the_short_one_goes_first_then_the_one_with_the_tighter_rpo() {
        let empty = |takes, rpo| SlotRequest { reached: None, since: NOW.minus(MINUTE), ..request(takes, rpo, 0) };
        let order = rank(&[empty(60, 1500), empty(60, 300), empty(10, 1500)], &[NOW], NOW);
        assert_eq!(order, [2, 1, 0]);
    }

    fn any_request() -> impl Strategy<Value = SlotRequest> {
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

        /// Every request is in the order exactly once, and the order does not depend on that of the input.
        #[test]
        fn an_order_of_all(requests in prop::collection::vec(any_request(), 1..40), slots in 1..6_usize) {
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

        /// A request that is nearer to missing its RPO, takes no longer and gains no less is never behind.
        #[test]
        fn the_nearer_the_cheaper_the_better(others in prop::collection::vec(any_request(), 0..20), one in any_request(), less in 0..600_u32) {
            let worse = SlotRequest { rpo: Some(MINUTE * 600), ..one };
            prop_assume!(worse.reached.is_some());
            let better = SlotRequest { reached: worse.reached.map(|at| at.minus(MINUTE * (less + 1))), ..worse.clone() };
            let mut requests = others;
            requests.extend([worse, better]);
            let order = rank(&requests, &[NOW, NOW], NOW);
            let place = |at: usize| order.iter().position(|of| *of == at);
            let (worse, better) = (requests.len() - 2, requests.len() - 1);
            // Both are too late to be of use, or late: their benefit is equal or grows with urgency.
            prop_assert!(place(better) < place(worse));
        }
    }

    /// A lane with more demand than capacity, for six weeks: no route waits longer than the bound in [`rank`].
    #[test]
    fn nobody_starves() {
        for seed in 0..10_u32 {
            let slots = 1 + seed as usize % 5;
            // (takes, schedule, RPO) in minutes: short and long copies; tight, hopeless and no RPOs.
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
