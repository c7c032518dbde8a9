//! What may still be done with a memory, and how that changes.

use serde::{Deserialize, Serialize};

use crate::constraint::closed_list;
use crate::object::Handling;
use crate::policy::IngestState;

/// What may still be done with a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Usable as the policy says.
    Active,
    /// Only rules that name the state grant it.
    Restricted,
    /// Its narrative is never returned, searched, quoted, counted or hinted at.
    Sealed,
    /// Unusable from the instant of its revocation.
    Revoked,
    /// Its content is erased; its id, its times and its audit remain.
    Tombstoned,
}

closed_list!(
    /// What moves a memory from one state to another.
    Action {
        /// To restrict it until somebody approves it.
        Restrict "restrict",
        /// To restrict it because something was found in it.
        Flag "flag",
        /// To seal it.
        Seal "seal",
        /// To open its seal; it stays restricted.
        Release "release",
        /// To let it be used again after a review.
        Approve "approve",
        /// To make it unusable.
        Revoke "revoke",
        /// To erase its content because somebody asks for it.
        Erase "erase",
        /// To erase its content because its time is over.
        Expire "expire",
        /// To erase its content because it was revoked long enough ago.
        Retention "retention",
    }
);

/// The state does not allow that move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a memory that is {} cannot be moved by {}", from.name(), action.name())]
pub struct NoSuchMove {
    /// The state that it is in.
    pub from: State,
    /// What was wanted.
    pub action: Action,
}

impl State {
    /// Every stored state, from the least to the most restrictive.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Restricted, Self::Sealed, Self::Revoked, Self::Tombstoned];

    /// Its name in requests, policies and stores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Restricted => "restricted",
            Self::Sealed => "sealed",
            Self::Revoked => "revoked",
            Self::Tombstoned => "tombstoned",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state in which a memory is stored: the most restrictive of what its writer asks for, what the policy says,
    /// and what its handling demands whatever they say.
    #[must_use]
    pub fn at_ingest(asked: Self, handling: Handling, policy: Option<IngestState>) -> Self {
        let demanded = if handling == Handling::SealedDefault { Self::Sealed } else { Self::Active };
        asked.max(demanded).max(policy.map_or(Self::Active, Self::from))
    }
}

impl From<IngestState> for State {
    fn from(state: IngestState) -> Self {
        match state {
            IngestState::Active => Self::Active,
            IngestState::Restricted => Self::Restricted,
            IngestState::Sealed => Self::Sealed,
        }
    }
}

/// Where an action leads. The state that it is in already means that the move was made: there is nothing to write.
///
/// # Errors
/// When the state does not allow the move.
pub fn transition(from: State, action: Action) -> Result<State, NoSuchMove> {
    use State::{Active, Restricted, Revoked, Sealed, Tombstoned};
    let to = match (from, action) {
        (Active | Restricted, Action::Restrict | Action::Flag) | (Restricted | Sealed, Action::Release) => {
            Some(Restricted)
        }
        (Active | Restricted | Sealed, Action::Seal) => Some(Sealed),
        (Active | Restricted, Action::Approve) => Some(Active),
        (Active | Restricted | Sealed | Revoked, Action::Revoke) => Some(Revoked),
        (_, Action::Erase | Action::Expire) | (Revoked | Tombstoned, Action::Retention) => Some(Tombstoned),
        _ => None,
    };
    to.ok_or(NoSuchMove { from, action })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `=` is a move that was made already, `-` one that there is not.
    const TABLE: &str = "
        from       restrict   flag       seal   release    approve revoke  erase      expire     retention
        active     restricted restricted sealed -          =       revoked tombstoned tombstoned -
        restricted =          =          sealed =          active  revoked tombstoned tombstoned -
        sealed     -          -          =      restricted -       revoked tombstoned tombstoned -
        revoked    -          -          -      -          -       =       tombstoned tombstoned tombstoned
        tombstoned -          -          -      -          -       -       =          =          =
    ";

    #[test]
    fn every_move_is_in_the_table() {
        let mut rows = TABLE.lines().filter(|line| !line.trim().is_empty());
        let actions: Vec<Action> = rows
            .next()
            .into_iter()
            .flat_map(|line| line.split_whitespace().skip(1))
            .map(|name| Action::from_name(name).expect("an action"))
            .collect();
        assert_eq!(actions, Action::ALL);
        let mut states = Vec::new();
        for row in rows {
            let mut cells = row.split_whitespace();
            let from = cells.next().and_then(State::from_name).expect("a state");
            states.push(from);
            for (action, cell) in actions.iter().zip(cells.by_ref()) {
                let expected = match cell {
                    "-" => Err(NoSuchMove { from, action: *action }),
                    "=" => Ok(from),
                    name => Ok(State::from_name(name).expect("a state")),
                };
                assert_eq!(transition(from, *action), expected, "{} {}", from.name(), action.name());
            }
        }
        assert_eq!(states, State::ALL);
    }

    #[test]
    fn an_ingest_only_tightens() {
        for asked in [State::Active, State::Restricted, State::Sealed] {
            for policy in
                [None, Some(IngestState::Active), Some(IngestState::Restricted), Some(IngestState::Sealed)]
            {
                for handling in Handling::ALL {
                    let state = State::at_ingest(asked, *handling, policy);
                    assert!(state >= asked && policy.is_none_or(|policy| state >= State::from(policy)));
                    let sealed = asked == State::Sealed
                        || policy == Some(IngestState::Sealed)
                        || *handling == Handling::SealedDefault;
                    assert_eq!(state == State::Sealed, sealed);
                }
            }
        }
    }
}
