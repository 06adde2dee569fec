//! A person's orders in a script.

use super::*;
use lifeboat::planner::orders::{
    self, BackupOrder, CancelOrder, HoldOrder, Order, PauseOrder, ReleaseOrder, ResumeOrder,
};

/// Gives an order and prints what is answered.
pub fn give(talk: &mut Talk, word: &str, about: &[(String, String)]) -> Printed {
    let now = talk.now;
    let of = |key: &str| about.iter().find(|(named, _)| named == key).map(|(_, value)| value.as_str());
    let when = |key: &str| of(key).map(|at| words::time(at, now)).transpose();
    let policy = of("policy").unwrap_or("finance").into();
    let source = of("source").map(|source| words::whole(source).as_str().into());
    let backup = || of("backup").map(|id| BackupId::from(words::whole(id))).ok_or("which backup?");
    let reason = of("reason").map(str::to_owned);
    let order = match word {
        "backup" => Order::Backup(BackupOrder { policy, source, at: when("at")?.unwrap_or(now) }),
        "pause" => Order::Pause(PauseOrder { policy, until: when("until")?, reason }),
        "resume" => Order::Resume(ResumeOrder { policy }),
        "hold" => Order::Hold(HoldOrder { backup: backup()?, reason }),
        "release" => Order::Release(ReleaseOrder { backup: backup()? }),
        "cancel" => Order::Cancel(CancelOrder { policy, source, at: when("at")? }),
        "confirm" => {
            let shown = orders::braked(&talk.state);
            let granted = orders::confirm_deletions(&talk.settings, &talk.state, &shown, now);
            return Ok(taken(talk, granted));
        }
        _ => return Err(format!("there is no order {word}").into()),
    };
    let granted = orders::decide(&talk.settings, &talk.state, &order, now)?;
    Ok(taken(talk, granted))
}

fn taken(talk: &mut Talk, granted: orders::Granted) -> String {
    let mut lines = Lines::new(false);
    lines.line(format_args!("says: {}", granted.says));
    lines.changes(&granted.changes);
    talk.take_in(granted.changes);
    lines.text
}
