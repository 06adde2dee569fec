//! What an order is refused with while the time is not known. What waits otherwise is told in `tests/scripts/clock.txt`.

use super::*;
use lifeboat::domain::timekeeper::{Timekeeping, Trust};
use lifeboat::planner::orders::{BackupOrder, Order, PauseOrder, RefusalKind, decide};

#[test]
fn an_order_that_a_wrong_clock_refuses_may_be_given_again_later() {
    let mut talk = Talk::new(1);
    let now = talk.now;
    talk.state.timekeeping = Timekeeping { trust: Trust::Unproven { since: now }, offset_ms: Some(90_000_000) };
    let backup = Order::Backup(BackupOrder { policy: "finance".into(), source: None, at: now });
    let pause = Order::Pause(PauseOrder { policy: "finance".into(), until: None, reason: None });
    for order in [&backup, &pause] {
        let refusal = decide(&talk.settings, &talk.state, order, now).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::NotNow);
    }
}
