//! The schedule is edited: what was scheduled comes due, and nothing else does.

use super::*;
use lifeboat::domain::change::Line;

/// What came due, with how it ended or that it was begun.
fn due(talk: &Talk, from: usize) -> Vec<(String, &'static str)> {
    let due = talk.changes[from..].iter().filter_map(|change| match change {
        Change::Opened { occurrence, .. } => Some((occurrence.at.to_string(), "begun")),
        Change::Closed { occurrence, end, .. } => Some((occurrence.at.to_string(), end.as_str())),
        _ => None,
    });
    due.collect()
}

fn edited(talk: &mut Talk, line: &str, zone: &str) {
    let now = talk.now;
    talk.policy().schedule = Schedule::parse(line, zone, now).unwrap();
    talk.settings.generation += 1;
}

/// A process that begins with what is durable of the state.
fn restarted(talk: &mut Talk) {
    (talk.state.started_at, talk.state.generation) = (talk.now, None);
    talk.state.checked.clear();
}

fn lines(talk: &Talk) -> Vec<Line> {
    talk.state.sources[&key(0)].membership.as_ref().unwrap().lines.clone()
}

/// One source whose occurrence of six o'clock is done, at 13:00.
fn at_one() -> Talk {
    let mut talk = Talk::at_six(1);
    for _ in 0..3 {
        talk.serve();
        talk.becomes(Lifecycle::Available);
        talk.wait(2 * HOUR);
    }
    talk.serve();
    talk.now = at("2026-11-21T13:00:00Z");
    talk.serve();
    talk
}

#[test]
fn an_edit_makes_nothing_due_that_was_not_scheduled() {
    let none: [(String, &str); 0] = [];
    for (line, zone) in [("30 12 * * *", "UTC"), ("every 5m", "UTC"), ("30 13 * * *", "Europe/Berlin")] {
        let mut talk = at_one();
        let from = talk.changes.len();
        edited(&mut talk, line, zone);
        talk.serve();
        assert_eq!(due(&talk, from), none, "{line}");
        let next = talk.policy().schedule.next_after(at("2026-11-21T13:00:00Z")).unwrap();
        talk.now = next;
        talk.round();
        assert_eq!(due(&talk, from), [(next.to_string(), "begun")], "{line}");
        // The same through a restart, which happens upon an edit of its own.
        let mut talk = at_one();
        let from = talk.changes.len();
        talk.now = at("2026-11-21T13:10:00Z");
        edited(&mut talk, line, zone);
        restarted(&mut talk);
        talk.serve();
        assert_eq!(due(&talk, from), none, "{line}");
    }
}

/// The zone alone, and a move to another policy, are edits as well; another name is none.
#[test]
fn a_zone_is_part_of_a_schedule_and_a_name_is_not() {
    let mut talk = at_one();
    edited(&mut talk, "0 7 * * *", "UTC");
    talk.serve();
    let from = talk.changes.len();
    talk.wait(HOUR);
    edited(&mut talk, "0 7 * * *", "America/New_York");
    talk.serve();
    assert_eq!(due(&talk, from), [], "12:00Z was not scheduled");
    let mut policy = talk.settings.policies.pop_first().unwrap().1;
    policy.name = "renamed".into();
    let before = lines(&talk);
    talk.settings.policies.insert(policy.name.clone(), policy);
    talk.settings.generation += 1;
    talk.now = at("2026-11-22T12:00:00Z");
    talk.serve();
    assert_eq!(lines(&talk), before);
    assert_eq!(due(&talk, from)[0], ("2026-11-22T12:00:00Z".to_owned(), "begun"));
}

#[test]
fn what_the_old_schedule_made_due_is_not_lost_in_an_edit() {
    // In the very moment of a reload.
    let mut talk = at_one();
    let from = talk.changes.len();
    talk.now = at("2026-11-21T18:00:00.500Z");
    edited(&mut talk, "0 3 * * *", "UTC");
    talk.round();
    assert_eq!(due(&talk, from), [("2026-11-21T18:00:00Z".to_owned(), "begun")]);
    assert_eq!(lines(&talk).len(), 1, "what it made due is on record: {:?}", lines(&talk));
    // While the daemon was not running: caught up, and the new one counts from the start.
    let mut talk = at_one();
    let from = talk.changes.len();
    talk.now = at("2026-11-22T04:00:00Z");
    edited(&mut talk, "0 3 * * *", "UTC");
    restarted(&mut talk);
    talk.round();
    let (missed, caught_up) = ("2026-11-21T18:00:00Z".to_owned(), "2026-11-22T00:00:00Z".to_owned());
    assert_eq!(due(&talk, from), [(missed, "coalesced"), (caught_up, "begun")]);
}

/// Nothing is dealt with before a Region was listed; of several edits until then, each schedule has its own time.
#[test]
fn edits_before_the_books_were_read_are_kept_apart() {
    let mut talk = Talk::new(1);
    talk.round();
    let from = talk.changes.len();
    talk.now = at("2026-11-21T06:10:00Z");
    edited(&mut talk, "30 6 * * *", "UTC");
    talk.round();
    talk.now = at("2026-11-21T06:20:00Z");
    edited(&mut talk, "15 6 * * *", "UTC");
    talk.round();
    talk.now = at("2026-11-21T06:40:00Z");
    edited(&mut talk, "20,50 6 * * *", "UTC");
    talk.round();
    assert_eq!((due(&talk, from).len(), lines(&talk).len()), (0, 4));
    talk.now = at("2026-11-21T06:55:00Z");
    talk.serve();
    assert_eq!(
        due(&talk, from)[..2],
        [("2026-11-21T06:00:00Z".to_owned(), "coalesced"), ("2026-11-21T06:50:00Z".to_owned(), "begun")]
    );
    assert_eq!(lines(&talk).len(), 1);
}

/// However often it is edited, a bounded number of schedules is kept.
#[test]
fn edits_without_end_are_bounded() {
    let mut talk = Talk::new(1);
    talk.round();
    for minute in 1..40 {
        talk.now = talk.now.plus(MINUTE);
        edited(&mut talk, &format!("{minute} 5 * * *"), "UTC");
        talk.round();
    }
    assert_eq!(lines(&talk).len(), 8);
}

/// A schedule that is not edited goes on where it was, through an outage and through the loss of the database.
#[test]
fn what_came_due_under_the_same_schedule_is_caught_up() {
    for lost in [false, true] {
        let mut talk = at_one();
        // A day of backups is what tells by which schedule they were made.
        for time in ["21T18:00:00Z", "22T00:00:00Z", "22T06:00:00Z", "22T12:00:00Z"] {
            for _ in 0..3 {
                talk.serve();
                talk.becomes(Lifecycle::Available);
                talk.wait(30 * MINUTE);
            }
            talk.now = at(&format!("2026-11-{time}"));
            talk.serve();
        }
        let from = talk.changes.len();
        talk.now = at("2026-11-22T19:00:00Z");
        if lost {
            talk.state = State::new(talk.now, talk.now);
        } else {
            restarted(&mut talk);
        }
        talk.serve();
        talk.wait(10 * MINUTE);
        talk.serve();
        let due = due(&talk, from);
        assert!(due.contains(&("2026-11-22T18:00:00Z".to_owned(), "begun")), "lost: {lost}, {due:?}");
    }
}

/// After the loss of the database AWS shows by which occurrences a source was protected, not by which schedule: one that
/// does not explain them counts from now on.
#[test]
fn a_lost_database_and_an_edit_make_nothing_due() {
    for line in ["30 12 * * *", "0 0,6,9,12,15 * * *", "0 12,15 * * *"] {
        let mut talk = at_one();
        let from = talk.changes.len();
        talk.now = at("2026-11-21T19:00:00Z");
        edited(&mut talk, line, "UTC");
        talk.state = State::new(talk.now, talk.now);
        talk.serve();
        talk.wait(10 * MINUTE);
        talk.serve();
        let adopted = |at: &str| at == "2026-11-21T06:00:00Z" || at == "2026-11-21T12:00:00Z";
        let due: Vec<_> = due(&talk, from).into_iter().filter(|(at, _)| !adopted(at)).collect();
        assert_eq!(due, [], "{line}");
    }
}

/// FSx refuses a backup of an ONTAP file system: that is told from its type, before anything is asked for.
#[test]
fn an_ontap_file_system_is_told_to_name_its_volumes_before_the_call() {
    let mut talk = Talk::at_six(1);
    for lookup in talk.calls("DescribeFileSystems") {
        let found = SourceFacts { kind: FileSystemKind::Ontap, ..facts(&source(0)) };
        talk.answer(&lookup, Outcome::SourcesDescribed(vec![found]));
    }
    let plan = talk.round();
    assert!(talk.calls("CreateBackup").is_empty());
    let told = plan.waiting.iter().find(|waiting| waiting.reason == Reason::NeedsPerson).unwrap();
    assert!(told.detail.contains("name its volumes under `volumes`"), "{told:?}");
}
