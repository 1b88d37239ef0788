//! A server made of the crate `turn`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::net::UdpSocket;
use turn::{
    Error,
    auth::{AuthHandler, generate_auth_key},
    relay::relay_static::RelayAddressGeneratorStatic,
    server::{
        Server,
        config::{ConnConfig, ServerConfig},
    },
};
use webrtc_util::vnet::net::Net;

pub(crate) const USER: &str = "user";
pub(crate) const PASSWORD: &str = "password";
pub(crate) const REALM: &str = "example.org";

/// Serves on this port of 127.0.0.1 until it is ended, in one thread.
pub(crate) fn serve(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let conn = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let config = ServerConfig {
            conn_configs: vec![ConnConfig {
                conn: Arc::new(conn),
                relay_addr_generator: Box::new(RelayAddressGeneratorStatic {
                    relay_address: Ipv4Addr::LOCALHOST.into(),
                    address: Ipv4Addr::LOCALHOST.to_string(),
                    net: Arc::new(Net::new(None)),
                }),
            }],
            realm: REALM.to_owned(),
            auth_handler: Arc::new(OneUser),
            channel_bind_timeout: Duration::ZERO,
            alloc_close_notify: None,
        };
        let _server = Server::new(config).await?;
        std::future::pending().await
    })
}

struct OneUser;

impl AuthHandler for OneUser {
    fn auth_handle(&self, user: &str, realm: &str, _: SocketAddr) -> Result<Vec<u8>, Error> {
        if user == USER {
            Ok(generate_auth_key(user, realm, PASSWORD))
        } else {
            Err(Error::ErrFakeErr)
        }
    }
}
