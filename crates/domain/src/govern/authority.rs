//! By what right operations are done.

use crate::policy::Effect;
use crate::principal::Role;

/// By what right an operation is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// The policy grants this effect.
    Policy(Effect),
    /// The policy grants writing, and the memory is the caller's own.
    Owner,
    /// The caller names a memory by its id, and the policy grants reading it; it is hidden where it does not.
    ReadNamed,
    /// The caller names memories by their ids, each for itself: those that the policy does not grant are left out, as those that
    /// there are not.
    ReadEach,
    /// The caller names a memory that it may know of, and the policy grants the step.
    ChangeNamed,
    /// The caller looks for what is its own, to erase it: it is told of what it may know of.
    Own,
    /// The caller asks whether a tool may be called, and on what evidence: that is answered, never refused.
    Gate,
    /// The caller names a decision that was made before; it is hidden where it is not theirs to look at.
    Logged,
    /// The caller names memories and describes a request: of those that it may know of, it is told how they would be
    /// decided.
    Explain,
    /// The caller holds a token, and the policy still grants reading.
    Continue,
    /// The caller holds a token.
    Revoke,
    /// The caller has one of these roles.
    Roles(&'static [Role]),
    /// The caller gives what is its own to another scope, and the policy grants it.
    MakeBridge,
    /// The caller names a bridge by its id, and is at one of its ends.
    EndBridge,
    /// Anybody may ask for bridges, and is told of those at one of whose ends it is.
    SeeBridges,
    /// Anybody may ask about a scope's spiral, and whoever could read a plain event there is told of one.
    AskSpiral,
    /// The caller answers for the person whom the operation is about: the person themself, or an admin. That is no matter of
    /// policy: nobody's rule keeps a person's own from them.
    Person,
    /// The caller looks at schemas; those that it may not read are not there.
    ReadSchemas,
    /// The caller makes a schema, or changes one that it may change; what it may not read is hidden.
    ChangeSchemas,
    /// The caller runs the tenant: an admin, or, where no keys are in force, whoever reaches the server.
    Operator,
    /// The caller is the server itself.
    System,
}

impl Authority {
    /// Whether it is a right to make or change memories. Giving a grant back is not.
    pub(super) fn writes(self) -> bool {
        match self {
            Self::Policy(effect) => effect != Effect::Read,
            Self::Owner
            | Self::Own
            | Self::ChangeNamed
            | Self::MakeBridge
            | Self::EndBridge
            | Self::ChangeSchemas => true,
            Self::ReadNamed
            | Self::ReadEach
            | Self::Gate
            | Self::Logged
            | Self::Explain
            | Self::Continue
            | Self::Revoke
            | Self::Person
            | Self::Roles(_)
            | Self::AskSpiral
            | Self::SeeBridges
            | Self::ReadSchemas
            | Self::Operator
            | Self::System => false,
        }
    }
}
