//! The part of lowering that decides who may relay: users, secrets, the realm, and what contradicts
//! what.

use std::collections::HashMap;

use super::{
    error::{About, Findings, Origin},
    raw::{At, Raw},
    search::Machine,
    settings::{Access, Secret, StaticUser, UserSecret},
};

/// Characters of a realm (RFC 8489 section 14.9).
const LONGEST_REALM: usize = 127;
/// Bytes of a user's name (RFC 8489 section 14.3).
const LONGEST_NAME: usize = 508;

/// The name given last wins, as a later line or the command line does for other options.
pub(super) fn users(raw: &Raw, findings: &mut Findings) -> Vec<StaticUser> {
    let mut users: Vec<&At<StaticUser>> = Vec::new();
    let mut places = HashMap::new();
    for at in raw.user.all() {
        let Some(place) = places.insert(&at.value.name, users.len()) else {
            users.push(at);
            continue;
        };
        places.insert(&at.value.name, place);
        let before = std::mem::replace(&mut users[place], at);
        findings.warn(
            &at.origin,
            format!(
                "user: {:?} was given before ({}); this one counts",
                at.value.name, before.origin
            ),
        );
    }
    users.into_iter().map(|at| at.value.clone()).collect()
}

/// Who is shut out, in no order that means anything.
pub(super) fn denied_users(raw: &Raw, access: Access, findings: &mut Findings) -> Vec<String> {
    let mut denied: Vec<String> = Vec::new();
    for at in raw.denied_user.all() {
        let name = &at.value;
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
            let text = "denied-user: nobody can have that name; \
                        expected 1 to 508 bytes, none of them a control character";
            findings.error(&at.origin, text);
        } else if !denied.contains(name) {
            denied.push(name.clone());
        }
    }
    if let (Some(at), Access::Anonymous) = (raw.denied_user.last(), access) {
        let text = "denied-user: with no-auth nobody says who it is, so nobody is denied";
        findings.warn_of(About::NoEffect, &at.origin, text);
    }
    denied.sort_unstable();
    denied
}

pub(super) fn shared_secrets(raw: &Raw, findings: &mut Findings) -> Vec<Secret> {
    let mut secrets: Vec<Secret> = Vec::new();
    for at in raw.static_auth_secret.all() {
        if !secrets.contains(&at.value) {
            secrets.push(at.value.clone());
        }
    }
    if let (Some(off), false) = (raw.use_auth_secret.off(), secrets.is_empty()) {
        findings.warn_of(
            About::NoEffect,
            off,
            "use-auth-secret is off, so every static-auth-secret is without effect",
        );
        secrets.clear();
    }
    if let (Some(on), true) = (raw.use_auth_secret.on(), secrets.is_empty()) {
        findings.error(
            on,
            "use-auth-secret: there is no secret; expected a static-auth-secret",
        );
    }
    secrets
}

pub(super) fn access(
    raw: &Raw,
    (users, secrets, tokens): (&[StaticUser], &[Secret], bool),
    findings: &mut Findings,
) -> Access {
    let credentials = !users.is_empty() || !secrets.is_empty() || tokens;
    if let Some(origin) = raw.no_auth.on() {
        if let Some(other) = mechanism(raw, users, secrets) {
            findings.error(
                origin,
                format!("no-auth: {other} asks for the opposite; expected one of them"),
            );
        }
        let text = "no-auth: this is an open relay, anyone can send through it";
        findings.warn_of(About::Unsafe, origin, text);
        return Access::Anonymous;
    }
    if credentials {
        return Access::Credentials;
    }
    if !raw.stun_only.is_on() {
        let origin = raw.long_term.on().unwrap_or(&Origin::Configuration);
        findings.warn(
            origin,
            "there is no user and no static-auth-secret: nobody can relay, only STUN is served",
        );
    }
    Access::Nobody
}

/// What asks for authentication.
fn mechanism(raw: &Raw, users: &[StaticUser], secrets: &[Secret]) -> Option<String> {
    let written = |name, origin: Option<&Origin>| origin.map(|origin| format!("{name} ({origin})"));
    written("lt-cred-mech", raw.long_term.on())
        .or_else(|| written("use-auth-secret", raw.use_auth_secret.on()))
        .or_else(|| {
            let secret = raw
                .static_auth_secret
                .last()
                .filter(|_| !secrets.is_empty());
            written("static-auth-secret", secret.map(|at| &at.origin))
        })
        .or_else(|| {
            let user = raw.user.last().filter(|_| !users.is_empty());
            written("user", user.map(|at| &at.origin))
        })
}

pub(super) fn realm(
    raw: &Raw,
    machine: &Machine,
    users: &[StaticUser],
    findings: &mut Findings,
) -> String {
    if let Some(at) = raw.realm.last().filter(|at| !at.value.is_empty()) {
        if at.value.chars().count() > LONGEST_REALM || at.value.contains(char::is_control) {
            findings.error(
                &at.origin,
                "realm: the value cannot be sent; \
                 expected at most 127 characters, none of them a control character",
            );
        }
        return at.value.clone();
    }
    let realm = machine_realm(machine);
    if let Some(at) = raw.user.last().filter(|_| !raw.no_auth.is_on()) {
        let has_key = |user: &StaticUser| matches!(user.secret, UserSecret::Md5Key(_));
        let hint = if users.iter().any(has_key) {
            "a 0x key works in the realm it was made for only"
        } else {
            "it is the name of this machine or its domain"
        };
        let text = format!("there is no realm, so {realm:?} is used; {hint}");
        findings.warn(&at.origin, text);
    }
    realm
}

/// The domain of the host name as in coturn, or else the name itself.
fn machine_realm(machine: &Machine) -> String {
    let name = machine.host_name.as_deref().unwrap_or("");
    let realm = match name.split_once('.') {
        Some((_, domain)) if !domain.is_empty() => domain,
        _ => name,
    };
    if realm.is_empty() || realm.chars().count() > LONGEST_REALM {
        return "turnd".to_owned();
    }
    realm.to_owned()
}
