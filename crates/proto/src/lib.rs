//! STUN and TURN bytes.
