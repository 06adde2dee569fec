//! A lane that AWS refuses is closed for all that wait for it, and opens again one copy at a time.

use super::*;
use lifeboat::domain::change::LaneEvidence;
use lifeboat::domain::lane::Lane;
use lifeboat::domain::state::ClosedLane;
use lifeboat::planner::lane_limits::LaneLimits;

const WAITING: usize = 12;
const VOLUME: &str = "fsvol-0123456789abcdef0";

/// Twelve routes want a copy into one lane, and `hidden` copies that no listing shows are in flight there.
struct Lanes {
    talk: Talk,
    hidden: usize,
    refused_at: Vec<Time>,
    asked: Vec<(Time, SourceId)>,
}

impl Lanes {
    fn new(hidden: usize) -> Self {
        let mut talk = Talk::asking(WAITING);
        for create in talk.calls("CreateBackup") {
            let made = talk.make(&create);
            talk.answer(&create, Outcome::Made(Box::new(made)));
        }
        talk.round();
        talk.becomes(Lifecycle::Available);
        talk.now = talk.now.plus(POLL);
        Self { talk, hidden, refused_at: Vec::new(), asked: Vec::new() }
    }

    fn in_flight(&self) -> usize {
        self.talk.at_aws.iter().filter(|((region, _), seen)| region == THERE && seen.lifecycle.in_flight()).count()
    }

    /// One round, and the answers to its calls, which come before the next.
    fn step(&mut self) {
        self.talk.round();
        let copies = self.talk.under_way.iter().filter(|action| action.call.operation() == "CopyBackup").count();
        assert!(copies <= 2, "{copies} copies are asked for at once");
        for action in std::mem::take(&mut self.talk.under_way) {
            let outcome = match &action.call {
                Call::Make { key, request } if matches!(**request, Request::CopyBackup { .. }) => {
                    self.asked.push((self.talk.now, key.source.source.clone()));
                    if self.in_flight() + self.hidden < 5 {
                        self.talk.outcome(&action)
                    } else {
                        self.refused_at.push(self.talk.now);
                        Outcome::Failed(Fault::new(FaultClass::NoSlot, "ServiceLimitExceeded", "5 copies"))
                    }
                }
                _ => self.talk.outcome(&action),
            };
            self.talk.answer(&action, outcome);
        }
    }

    fn run(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.step();
            self.talk.now = self.talk.now.plus(SECOND);
        }
    }

    fn most_in_a_minute(&self) -> usize {
        let within = |from: &Time| self.refused_at.iter().filter(|at| *at >= from && **at < from.plus(MINUTE)).count();
        self.refused_at.iter().map(within).max().unwrap_or(0)
    }

    fn lane() -> Lane {
        Lane::Shared(place(THERE))
    }
}

#[test]
fn a_closed_lane_refuses_two_copies_a_minute_at_most() {
    let mut lanes = Lanes::new(5);
    lanes.run(45);
    assert_eq!(lanes.refused_at.len(), 2, "{:?}", lanes.asked);
    lanes.run(1800);
    assert!(lanes.most_in_a_minute() <= 2, "{:?}", lanes.refused_at);
    assert!((30..=45).contains(&lanes.refused_at.len()), "{}", lanes.refused_at.len());
    // The probes were of one route, and its own pauses do not grow by them.
    assert!(
        lanes
            .talk
            .state
            .pending_request(&work(0, Target::Copy(THERE.into())))
            .is_some_and(|pending| pending.failures == 0)
    );
}

#[test]
fn a_slot_that_becomes_free_unseen_is_used_within_two_polls() {
    let mut lanes = Lanes::new(5);
    lanes.run(1000);
    lanes.hidden = 0;
    lanes.run(60);
    assert_eq!(lanes.in_flight(), 5, "{:?}", lanes.asked);
    // The state holds what AWS allows: the lane is trusted again.
    let closed = lanes.talk.state.closed_lanes[&Lanes::lane()];
    assert_eq!((closed.refusals, closed.one_at_a_time), (0, false));
}

#[test]
fn a_probe_is_one_copy_of_the_route_that_goes_first_and_a_granted_one_lets_one_more_follow() {
    let mut lanes = Lanes::new(5);
    let mut urgent = lanes.talk.policy().clone();
    (urgent.name, urgent.sources) = ("urgent".into(), vec![source(WAITING - 1)]);
    urgent.destinations[0].rpo = Some(7 * HOUR);
    lanes.talk.policy().sources.pop();
    lanes.talk.settings.policies.insert(urgent.name.clone(), urgent);
    lanes.talk.settings.generation = 2;
    lanes.run(59);
    assert_eq!(lanes.asked.len(), 2, "{:?}", lanes.asked);
    lanes.asked.clear();
    lanes.run(300);
    assert!(lanes.asked.iter().all(|(_, of)| *of == source(WAITING - 1)), "{:?}", lanes.asked);
    // Two places are free from here on: the probe, one more, and the next is refused.
    (lanes.hidden, lanes.asked) = (3, Vec::new());
    let refused = lanes.refused_at.len();
    while lanes.refused_at.len() == refused {
        let before = lanes.asked.len();
        lanes.run(1);
        assert!(lanes.asked.len() <= before + 1, "one at a time: {:?}", lanes.asked);
    }
    assert_eq!((lanes.in_flight(), lanes.asked.len()), (2, 3), "{:?}", lanes.asked);
    assert_eq!(lanes.asked[0].1, source(WAITING - 1));
}

#[test]
fn a_copy_of_somebody_else_that_ends_opens_the_lane() {
    let mut lanes = Lanes::new(3);
    lanes.run(200);
    assert_eq!(lanes.in_flight(), 2);
    let closed = |lanes: &Lanes| lanes.talk.state.closed_lanes[&Lanes::lane()];
    while closed(&lanes).until < lanes.talk.now.plus(10 * SECOND) {
        lanes.run(1);
    }
    let known = closed(&lanes);
    let opened = ClosedLane { until: Time::ZERO, ..known };
    let mut state = lanes.talk.state.clone();
    let listed = |others: &[(&str, Lane)]| Change::Listed {
        place: place(THERE),
        began_at: lanes.talk.now,
        took: Duration::ZERO,
        pages: 1,
        user_backups: 3,
        others: others.iter().map(|(id, lane)| ((*id).into(), vec![lane.clone()])).collect(),
        other_backups: Vec::new(),
    };
    let other = ("backup-other", Lanes::lane());
    state.apply(&listed(std::slice::from_ref(&other))).unwrap();
    assert_eq!(state.closed_lanes[&Lanes::lane()], known, "what is there still proves nothing");
    let mut shown = state.clone();
    shown.apply(&Change::Lane(LaneEvidence::OtherEnded { place: place(THERE), id: "backup-other".into() })).unwrap();
    assert_eq!(shown.closed_lanes[&Lanes::lane()], opened);
    state.apply(&listed(&[])).unwrap();
    assert_eq!(state.closed_lanes[&Lanes::lane()], opened, "a listing shows that it ended");
}

/// A lane that refused those seconds ago, and lets copies be asked for again from `until` on.
fn closed(refused: &[u32], until: Time, one_at_a_time: bool) -> (State, Time) {
    let now = at("2026-11-21T06:00:00Z");
    let mut state = State::new(now, now);
    let ago = |seconds: &u32| now.minus(SECOND * *seconds);
    if let Some(last) = refused.last() {
        let refused_before = refused.iter().rev().nth(1).map(ago);
        let known = ClosedLane { refused_at: ago(last), refused_before, refusals: 1, until, one_at_a_time };
        state.closed_lanes.insert(Lanes::lane(), known);
    }
    (state, now)
}

#[test]
fn no_more_copies_are_asked_for_than_may_be_refused_in_a_minute() {
    // Refusals, whether one is asked for at a time, copies that are being asked for, and how many more may be.
    for (refused, one_at_a_time, asked, room) in [
        (&[][..], false, 0, 2),
        (&[], false, 1, 1),
        (&[], false, 2, 0),
        (&[], false, 3, 0),
        (&[10], true, 0, 1),
        (&[10], true, 1, 0),
        (&[10], false, 0, 1),
        (&[10], false, 1, 0),
        (&[50, 10], true, 0, 0),
        (&[50, 10], false, 0, 0),
        (&[59, 10], false, 0, 0),
        (&[60, 10], false, 0, 1),
        (&[90, 10], true, 0, 1),
        (&[90, 60], false, 0, 2),
        (&[90, 60], false, 1, 1),
        (&[90, 60], true, 0, 1),
        (&[90, 60], true, 1, 0),
    ] {
        let (state, now) = closed(refused, Time::ZERO, one_at_a_time);
        let mut limits = LaneLimits::new(&state, now);
        let lanes = [Lanes::lane()];
        (0..asked).for_each(|_| limits.take(&lanes));
        let case = format!("{refused:?}, one at a time: {one_at_a_time}, {asked} asked for");
        assert_eq!((limits.room(&lanes), limits.open(&lanes).is_ok()), (room, room > 0), "{case}");
        // Other lanes are open.
        assert_eq!(limits.room(&[Lane::Shared(place(HOME))]), 2, "{case}");
    }
}

#[test]
fn a_closed_lane_says_from_when_on_a_copy_is_asked_for() {
    let said = |refused: &[u32], pause: i64, asked: usize| {
        let now = at("2026-11-21T06:00:00Z").millis();
        let (state, now) = closed(refused, Time::from_millis(now + pause * 1000), true);
        let mut limits = LaneLimits::new(&state, now);
        let lanes = [Lanes::lane()];
        (0..asked).for_each(|_| limits.take(&lanes));
        limits.open(&lanes).map_err(|blocked| (blocked.reason, blocked.until.map(|until| until.since(now).as_secs())))
    };
    assert_eq!(said(&[10], 0, 0), Ok(()), "the pause is over");
    assert_eq!(said(&[10], 1, 0), Err((Reason::Slot, Some(1))));
    assert_eq!(said(&[10], 25, 1), Err((Reason::Slot, Some(25))), "what was asked for before changes nothing");
    // Two refusals a minute: the pause may be over before the first of them is a minute ago.
    assert_eq!(said(&[50, 10], 0, 0), Err((Reason::Slot, Some(10))));
    assert_eq!(said(&[50, 10], 25, 0), Err((Reason::Slot, Some(25))));
    assert_eq!(said(&[70, 10], 5, 0), Err((Reason::Slot, Some(5))));
    // What is being asked for tells more than the refusals before it.
    assert_eq!(said(&[70, 10], 0, 1), Err((Reason::CallLimit, None)));
    assert_eq!(said(&[], 0, 2), Err((Reason::CallLimit, None)));
}

/// The state holds few of an account's thousand copies, and AWS names no lane: a refusal is of the volume's.
#[test]
fn copies_of_a_volume_wait_for_its_own_lane() {
    let now = at("2026-11-21T06:00:00Z");
    let volume = |number: u32| {
        let volume = format!("fsvol-0123456789abcde{number:02x}").as_str().into();
        Lane::of_copy(FileSystemKind::Ontap, &AccountId::own(), &THERE.into(), Some(&volume))
    };
    let mut state = State::new(now, now);
    let refused = LaneEvidence::Refused { lane: volume(1)[0].clone(), at: now, until: now.plus(MINUTE) };
    state.apply(&Change::Lane(refused)).unwrap();
    let mut limits = LaneLimits::new(&state, now);
    (0..2).for_each(|_| limits.take(&volume(2)));
    let shut =
        |number: u32| (limits.room(&volume(number)), limits.open(&volume(number)).map_err(|blocked| blocked.reason));
    assert_eq!([shut(1), shut(2), shut(3)], [(0, Err(Reason::Slot)), (0, Err(Reason::CallLimit)), (2, Ok(()))]);
    assert_eq!(limits.room(&[]), 0, "a copy of what nobody knows");
}

#[test]
fn a_copy_takes_a_place_in_the_lanes_of_its_kind() {
    let mut talk = Talk::new(1);
    talk.policy().sources.push(VOLUME.into());
    talk.serve();
    let of = |source: &str, target: Target| {
        let source = SourceKey { account: AccountId::own(), source: source.into() };
        talk.state.lanes_of_copy(&WorkKey { source, ..work(0, target) })
    };
    let (mine, copied) = (source(0).to_string(), Target::Copy(THERE.into()));
    assert_eq!(of(&mine, copied.clone()), [Lanes::lane()]);
    // Nothing of it is there that could tell its kind: what has volumes is of ONTAP.
    let own = AccountId::own();
    assert_eq!(of(VOLUME, copied.clone()), [Lane::Volume(place(THERE), VOLUME.into()), Lane::OntapAccount(own)]);
    assert_eq!([of(&mine, Target::Backup), of("fs-0fffffffffffffff0", copied)], [vec![], vec![]]);
}

#[test]
fn a_lane_is_asked_for_one_copy_at_a_time_until_as_many_as_it_holds_were_granted() {
    let now = at("2026-11-21T06:00:00Z");
    let mut state = State::new(now, now);
    let mut after = |evidence: LaneEvidence| {
        state.apply(&Change::Lane(evidence)).unwrap();
        state.closed_lanes.get(&Lanes::lane()).copied()
    };
    let granted = |full: bool| LaneEvidence::Granted { lane: Lanes::lane(), full };
    let refused = |at: Time| LaneEvidence::Refused { lane: Lanes::lane(), at, until: at.plus(MINUTE) };
    assert_eq!(after(granted(false)), None, "nobody refused there");
    let (until, one_at_a_time) = (now.plus(MINUTE), true);
    let once = ClosedLane { refused_at: now, refused_before: None, refusals: 1, until, one_at_a_time };
    assert_eq!(after(refused(now)), Some(once));
    let opened = ClosedLane { refusals: 0, until: Time::ZERO, ..once };
    assert_eq!(after(granted(false)), Some(opened), "one more may follow");
    let trusted = ClosedLane { one_at_a_time: false, ..opened };
    assert_eq!(after(granted(true)), Some(trusted));
    assert_eq!(after(granted(false)), Some(trusted), "one of them ended, and the next was granted");
    let later = now.plus(HOUR);
    let again = ClosedLane { refused_at: later, refused_before: Some(now), until: later.plus(MINUTE), ..once };
    assert_eq!(after(refused(later)), Some(again));
    assert_eq!(after(refused(later)).map(|closed| closed.refusals), Some(2));
}
