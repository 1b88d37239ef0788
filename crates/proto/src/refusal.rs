//! A refusal is a value: the code, whose fault it was, and what the answer must carry with it.

use turnd_wire::{ErrorCode, attr::AttributeType};

use crate::redirect::Target;

/// Whose fault a refusal is; decides how loud it is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The client has not said yet who it is: the first step of every session.
    NotYetKnown,
    /// The request breaks the protocol.
    Malformed,
    /// The request is sound but does not fit what is there now.
    Timing,
    /// The credentials are wrong.
    Credentials,
    /// A rule of ours forbids it.
    Policy,
    /// We have no room.
    Capacity,
}

/// What an error reply carries beside ERROR-CODE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Nothing.
    #[default]
    Nothing,
    /// REALM, a fresh NONCE, PASSWORD-ALGORITHMS.
    Challenge,
    /// ALTERNATE-SERVER, ALTERNATE-DOMAIN.
    Alternates(Box<Target>),
    /// UNKNOWN-ATTRIBUTES.
    Unknown(Vec<AttributeType>),
}

/// A request's refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) fault: Fault,
    pub(crate) carries: Carries,
}

impl Refusal {
    const fn new(code: ErrorCode, fault: Fault) -> Self {
        Self {
            code,
            fault,
            carries: Carries::Nothing,
        }
    }

    /// 400
    pub(crate) const BAD_REQUEST: Self = Self::new(ErrorCode::BAD_REQUEST, Fault::Malformed);
    /// 403
    pub(crate) const FORBIDDEN: Self = Self::new(ErrorCode::FORBIDDEN, Fault::Policy);
    /// 405
    pub(crate) const MOBILITY_FORBIDDEN: Self =
        Self::new(ErrorCode::MOBILITY_FORBIDDEN, Fault::Policy);
    /// 437
    pub(crate) const MISMATCH: Self = Self::new(ErrorCode::ALLOCATION_MISMATCH, Fault::Timing);
    /// 440
    pub(crate) const NO_SUCH_FAMILY: Self =
        Self::new(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED, Fault::Policy);
    /// 441
    pub(crate) const WRONG_CREDENTIALS: Self =
        Self::new(ErrorCode::WRONG_CREDENTIALS, Fault::Credentials);
    /// 442
    pub(crate) const UNSUPPORTED_TRANSPORT: Self =
        Self::new(ErrorCode::UNSUPPORTED_TRANSPORT, Fault::Policy);
    /// 443
    pub(crate) const PEER_FAMILY_MISMATCH: Self =
        Self::new(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH, Fault::Timing);
    /// 446
    pub(crate) const CONNECTION_EXISTS: Self =
        Self::new(ErrorCode::CONNECTION_ALREADY_EXISTS, Fault::Timing);
    /// 447
    pub(crate) const CONNECTION_FAILED: Self =
        Self::new(ErrorCode::CONNECTION_TIMEOUT_OR_FAILURE, Fault::Timing);
    /// 486
    pub(crate) const QUOTA_REACHED: Self =
        Self::new(ErrorCode::ALLOCATION_QUOTA_REACHED, Fault::Capacity);
    /// 500
    pub(crate) const SERVER_ERROR: Self = Self::new(ErrorCode::SERVER_ERROR, Fault::Malformed);
    /// 508
    pub(crate) const NO_CAPACITY: Self =
        Self::new(ErrorCode::INSUFFICIENT_CAPACITY, Fault::Capacity);

    /// 401 to a client that has not said who it is.
    pub(crate) const CHALLENGE: Self = Self {
        code: ErrorCode::UNAUTHENTICATED,
        fault: Fault::NotYetKnown,
        carries: Carries::Challenge,
    };
    /// 401 to wrong credentials. Looks like [`Self::CHALLENGE`], so that nobody learns which users
    /// exist.
    pub(crate) const UNAUTHENTICATED: Self = Self {
        code: ErrorCode::UNAUTHENTICATED,
        fault: Fault::Credentials,
        carries: Carries::Challenge,
    };
    /// 438
    pub(crate) const STALE_NONCE: Self = Self {
        code: ErrorCode::STALE_NONCE,
        fault: Fault::Timing,
        carries: Carries::Challenge,
    };

    /// 300
    pub(crate) fn try_alternate(target: Target) -> Self {
        Self {
            code: ErrorCode::TRY_ALTERNATE,
            fault: Fault::Policy,
            carries: Carries::Alternates(Box::new(target)),
        }
    }

    /// 420
    pub(crate) const fn unknown(attributes: Vec<AttributeType>) -> Self {
        Self {
            code: ErrorCode::UNKNOWN_ATTRIBUTE,
            fault: Fault::Malformed,
            carries: Carries::Unknown(attributes),
        }
    }
}
