//! Client connections over TCP, from their first bytes to their limits. What arrives first may be a
//! header of a load balancer ([`proxy_protocol`]) or the request of a web browser ([`http`]) instead of
//! STUN; how many connections and handshakes strangers may cause is counted in [`limits`].

pub mod http;
pub mod limits;
pub mod proxy_protocol;
