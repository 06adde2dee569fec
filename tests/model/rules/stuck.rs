//! One that is stuck holds up nothing else: a Region that cannot be listed, a crowd of deletions, a call that did not
//! leave. `tests/scripts/stuck.txt` has more of it.

use super::*;
use crate::fixture::*;

const DAY: Duration = Duration::from_secs(86_400);

fn noon() -> Time {
    at("2026-11-21T12:00:00Z")
}

/// Answers every listing of a Region with this, and all else as AWS would; gives the times of these listings.
fn refusing(talk: &mut Talk, region: &str, time: Duration, answer: impl Fn(&Option<String>) -> Outcome) -> Vec<Time> {
    let (until, mut asked) = (talk.now.plus(time), Vec::new());
    while talk.now < until {
        talk.becomes(Lifecycle::Available);
        let plan = talk.round();
        if talk.under_way.is_empty() {
            talk.now = plan.wake.at.max(talk.now.plus(SECOND)).min(until);
        }
        for action in std::mem::take(&mut talk.under_way) {
            let outcome = match &action.call {
                Call::ListPage { next_token } if action.place.region.as_str() == region => {
                    asked.push(talk.now);
                    answer(next_token)
                }
                _ => talk.outcome(&action),
            };
            talk.answer(&action, outcome);
        }
    }
    asked
}

#[test]
fn a_listing_that_is_refused_is_tried_with_growing_pauses_and_says_why() {
    for (class, code) in [
        (FaultClass::Permanent, "BadRequest"),
        (FaultClass::TransientState, "SomethingNew"),
        (FaultClass::Denied, "AccessDenied"),
    ] {
        let mut talk = Talk::new(1);
        let asked = refusing(&mut talk, THERE, DAY, |_| Outcome::Failed(fault(class, code)));
        assert!((20..50).contains(&asked.len()), "{code}: {} in a day", asked.len());
        let longest = asked.windows(2).map(|pair| pair[1].since(pair[0])).max().unwrap();
        assert!((45 * MINUTE..=75 * MINUTE).contains(&longest), "{code}: {longest:?}");
        let plan = talk.round();
        let waits =
            plan.waiting.iter().find(|wait| wait.destination.as_ref().is_some_and(|of| of.as_str() == THERE)).unwrap();
        assert!(waits.detail.contains("could not be listed") && waits.detail.contains(code), "{waits:?}");
        // The other Regions went on.
        assert!(talk.at_aws.keys().filter(|(region, _)| region == HOME).count() >= 4, "{code}");
        // A reload is worth a try at once, and a complete listing ends it.
        talk.take_in(vec![Change::Synced(1)]);
        talk.round();
        assert_eq!(talk.calls("DescribeBackups").len(), 1, "{code}");
        assert!(talk.state.places[&place(THERE)].refused_listing.is_some());
        talk.take_in(vec![Change::Listed {
            place: place(THERE),
            began_at: talk.now,
            took: Duration::ZERO,
            pages: 1,
            user_backups: 0,
            others: vec![],
            other_backups: vec![],
        }]);
        assert!(talk.state.places[&place(THERE)].refused_listing.is_none());
    }
}

/// A first page that comes does not make a refused second one news.
#[test]
fn a_later_page_that_is_refused_begins_the_listing_anew_with_growing_pauses() {
    let mut talk = Talk::new(1);
    let asked = refusing(&mut talk, THERE, DAY, |token| match token {
        None => Outcome::Page { observed_backups: Vec::new(), next_token: Some("two".to_owned()) },
        Some(_) => Outcome::Failed(fault(FaultClass::Permanent, "BadRequest")),
    });
    assert!((40..100).contains(&asked.len()), "{} pages in a day", asked.len());
    assert!(asked[2].since(asked[1]) <= 2 * SECOND, "the first time at once: {:?}", &asked[..3]);
}

#[test]
fn a_crowd_of_deletions_starves_no_look_at_what_is_in_flight() {
    let mut fixture = Fixture::new();
    let made = backup("backup-made", scheduled(6), Lifecycle::Available);
    fixture.see(&made);
    for nth in 0..900u64 {
        let id = format!("a-{nth:03}");
        let occurrence = Occurrence {
            at: at("2026-01-01T00:00:00Z").plus(HOUR * u32::try_from(nth).unwrap()),
            trigger: Trigger::Schedule,
        };
        let old = copy(&id, &backup("gone", occurrence, Lifecycle::Available), THERE, Lifecycle::Available);
        fixture.see(&old);
        fixture.apply(Change::DeletionPlanned {
            place: place(THERE),
            id: old.id.clone(),
            reason: String::new(),
            confirmed: false,
            at: noon(),
        });
    }
    let doubted = copy("b-doubted", &backup("gone", scheduled(1), Lifecycle::Available), THERE, Lifecycle::Available);
    fixture.see(&doubted);
    fixture.apply(Change::MissingFromListing { place: place(THERE), id: doubted.id, missing_since: Some(noon()) });
    fixture.see(&copy("z-in-flight", &made, THERE, Lifecycle::Copying));
    let others = vec![("y-other".into(), vec![])];
    fixture.apply(Change::Listed {
        place: place(THERE),
        began_at: noon(),
        took: Duration::ZERO,
        pages: 1,
        user_backups: 0,
        others,
        other_backups: Vec::new(),
    });
    let plan = fixture.plan(noon());
    let poll_schedule =
        plan.actions.iter().filter(|action| action.place == place(THERE)).find_map(|action| match &action.call {
            Call::Poll { ids } => Some(ids.iter().map(ToString::to_string).collect::<Vec<_>>()),
            _ => None,
        });
    assert_eq!(poll_schedule.unwrap()[..3], ["z-in-flight", "y-other", "b-doubted"]);
}

/// Whose credentials fail in a Region that left the policy says nothing about the others.
#[test]
fn a_region_that_left_the_policy_does_not_speak_for_the_credentials() {
    let mut fixture = Fixture::new();
    let problem = |fixture: &Fixture| lifeboat::planner::audit::credentials_problem(&fixture.settings, &fixture.state);
    let trouble = |region: &str, fault| Change::Returned {
        place: place(region),
        call: Call::ListPage { next_token: None }.key().unwrap(),
        fault,
        at: noon(),
    };
    fixture.listed("ap-south-1", noon());
    for region in [HOME, THERE] {
        assert_eq!(problem(&fixture), None);
        fixture.apply(trouble(region, Some(fault(FaultClass::Credentials, "ExpiredToken"))));
    }
    assert_eq!(problem(&fixture).as_deref(), Some("ExpiredToken"), "though the Region that left had no trouble");
    fixture.apply(trouble(THERE, None));
    assert_eq!(problem(&fixture), None);
}

/// A call that could not leave is no answer: the Region does not serve us again for that.
#[test]
fn a_call_that_did_not_leave_is_no_answer() {
    let mut fixture = Fixture::new();
    let call = || Call::ListPage { next_token: None }.key().unwrap();
    for _ in 0..3 {
        let fault = Some(fault(FaultClass::Unanswered, "Timeout"));
        fixture.apply(Change::Returned { place: place(HOME), call: call(), fault, at: noon() });
    }
    fixture.apply(Change::Sent { place: place(HOME), call: call(), at: noon() });
    fixture.apply(Change::Withdrawn { place: place(HOME), call: call() });
    let known = &fixture.state.places[&place(HOME)];
    assert!(known.calls.is_empty() && known.failures == 3 && known.trouble.is_some());
}
