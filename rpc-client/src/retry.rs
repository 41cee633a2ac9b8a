//! Which outcomes a proxy tries again by itself, and after which pause. Pure: it is told, it decides.

use std::time::Duration;

use farcall_shared::error::{CallError, NotSent, Rejection};

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// When a proxy calls again by itself, always within the call's one deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retries {
    /// What surely did not run is tried once more over a new connection or a new look-up; `#[idempotent]` methods are
    /// tried until the deadline.
    #[default]
    Safe,
    /// Never: every outcome is told at once.
    Never,
}

/// What to do after an outcome that is not a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Tell the caller.
    GiveUp,
    /// Call again after a pause of at most this, over the same connection if it lives.
    Again(Duration),
    /// Call again after a pause of at most this, and look the object up again.
    Elsewhere(Duration),
}

/// Decides after attempt number `attempt`, counted from 1.
pub(crate) fn decide(
    retries: Retries,
    error: &CallError,
    idempotent: bool,
    attempt: u32,
) -> Verdict {
    if retries == Retries::Never {
        return Verdict::GiveUp;
    }
    // The connection or the reference was old: the first try with a new one is free.
    let first = attempt == 1;
    let pause = if first {
        Duration::ZERO
    } else {
        pause(attempt)
    };
    match error {
        CallError::NotSent { reason, .. } => match reason {
            NotSent::Disconnected(_) if first || idempotent => Verdict::Elsewhere(pause),
            NotSent::Unreachable(_) | NotSent::Unresolved(_) if idempotent => {
                Verdict::Elsewhere(self::pause(attempt))
            }
            _ => Verdict::GiveUp,
        },
        CallError::Rejected { reason, .. } => match reason {
            Rejection::Stale(_) | Rejection::Draining(_) if first || idempotent => {
                Verdict::Elsewhere(pause)
            }
            Rejection::Overloaded(_) if idempotent => Verdict::Again(self::pause(attempt)),
            _ => Verdict::GiveUp,
        },
        CallError::Unknown { .. } if idempotent => Verdict::Elsewhere(pause),
        _ => Verdict::GiveUp,
    }
}

/// The most to pause after so many attempts; the caller takes a random part of it ("full jitter", Brooker 2015), so
/// that those who failed together do not come back together.
pub(crate) fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << attempt.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE)
}

/// A random part of a pause.
pub(crate) fn jittered(most: Duration) -> Duration {
    most.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use farcall_shared::error::{Failure, Unknown};

    fn not_sent(reason: NotSent) -> CallError {
        CallError::NotSent {
            target: "m of o".into(),
            reason,
        }
    }

    fn rejected(reason: Rejection) -> CallError {
        CallError::Rejected {
            target: "m of o".into(),
            reason,
        }
    }

    fn unknown(idempotent: bool) -> CallError {
        CallError::Unknown {
            target: "m of o".into(),
            reason: Unknown::Disconnected("x".into()),
            idempotent,
        }
    }

    #[test]
    fn what_may_have_run_is_repeated_only_when_idempotent() {
        assert_eq!(
            decide(Retries::Safe, &unknown(false), false, 1),
            Verdict::GiveUp
        );
        assert_eq!(
            decide(Retries::Safe, &unknown(true), true, 1),
            Verdict::Elsewhere(Duration::ZERO)
        );
    }

    #[test]
    fn what_surely_did_not_run_gets_one_more_try_over_a_new_connection() {
        let lost = not_sent(NotSent::Disconnected("x".into()));
        assert_eq!(
            decide(Retries::Safe, &lost, false, 1),
            Verdict::Elsewhere(Duration::ZERO)
        );
        assert_eq!(decide(Retries::Safe, &lost, false, 2), Verdict::GiveUp);
        let stale = rejected(Rejection::Stale("x".into()));
        assert_eq!(
            decide(Retries::Safe, &stale, false, 1),
            Verdict::Elsewhere(Duration::ZERO)
        );
    }

    #[test]
    fn what_cannot_go_better_is_told_at_once() {
        for error in [
            not_sent(NotSent::TooLarge("x".into())),
            not_sent(NotSent::Unencodable("x".into())),
            not_sent(NotSent::Expired(Duration::ZERO)),
            rejected(Rejection::UnknownMethod("x".into())),
            rejected(Rejection::BadArguments("x".into())),
            CallError::Failed {
                target: "m of o".into(),
                reason: Failure::Panic("x".into()),
            },
        ] {
            assert_eq!(
                decide(Retries::Safe, &error, true, 1),
                Verdict::GiveUp,
                "{error}"
            );
        }
    }

    #[test]
    fn an_overloaded_callee_is_left_alone_unless_the_call_is_idempotent() {
        let overloaded = rejected(Rejection::Overloaded("x".into()));
        assert_eq!(
            decide(Retries::Safe, &overloaded, false, 1),
            Verdict::GiveUp
        );
        assert_eq!(
            decide(Retries::Safe, &overloaded, true, 1),
            Verdict::Again(FIRST_PAUSE)
        );
    }

    #[test]
    fn never_means_never() {
        assert_eq!(
            decide(Retries::Never, &unknown(true), true, 1),
            Verdict::GiveUp
        );
    }

    #[test]
    fn pauses_double_up_to_a_second() {
        assert_eq!(pause(1), FIRST_PAUSE);
        assert_eq!(pause(2), 2 * FIRST_PAUSE);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
