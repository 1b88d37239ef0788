//! Messages that clients send, before they are signed.

use core::net::SocketAddr;

use turnd_wire::{
    Class, Family, Method, TransactionId, Writer,
    attr::{self, AttributeType},
};

/// A message in the making.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) class: Class,
    pub(crate) method: Method,
    attributes: Vec<(AttributeType, Value)>,
    pub(crate) id: Option<TransactionId>,
    pub(crate) fingerprint: bool,
}

#[derive(Clone, Debug)]
enum Value {
    Bytes(Vec<u8>),
    Xor(SocketAddr),
}

impl Request {
    pub(crate) fn new(method: Method) -> Self {
        Self {
            class: Class::Request,
            method,
            attributes: Vec::new(),
            id: None,
            fingerprint: false,
        }
    }

    pub(crate) fn binding() -> Self {
        Self::new(Method::BINDING)
    }

    /// Allocate, for UDP.
    pub(crate) fn allocate() -> Self {
        Self::bare_allocate().with(attr::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
    }

    /// Allocate, for nothing in particular.
    pub(crate) fn bare_allocate() -> Self {
        Self::new(Method::ALLOCATE)
    }

    pub(crate) fn refresh() -> Self {
        Self::new(Method::REFRESH)
    }

    pub(crate) fn create_permission() -> Self {
        Self::new(Method::CREATE_PERMISSION)
    }

    pub(crate) fn channel_bind() -> Self {
        Self::new(Method::CHANNEL_BIND)
    }

    pub(crate) fn send(peer: &str, data: &[u8]) -> Self {
        Self::indication(Method::SEND)
            .peer(peer)
            .with(attr::DATA, data)
    }

    pub(crate) fn indication(method: Method) -> Self {
        Self {
            class: Class::Indication,
            ..Self::new(method)
        }
    }

    pub(crate) fn with(mut self, kind: AttributeType, value: &[u8]) -> Self {
        self.attributes.push((kind, Value::Bytes(value.to_vec())));
        self
    }

    pub(crate) fn lifetime(self, seconds: u32) -> Self {
        self.with(attr::LIFETIME, &seconds.to_be_bytes())
    }

    /// REQUESTED-ADDRESS-FAMILY.
    pub(crate) fn family(self, family: Family) -> Self {
        self.with(attr::REQUESTED_ADDRESS_FAMILY, &[family.number(), 0, 0, 0])
    }

    /// ADDITIONAL-ADDRESS-FAMILY: IPv6 as well.
    pub(crate) fn dual(self) -> Self {
        self.with(attr::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0])
    }

    /// EVEN-PORT; `reserve` is its R bit.
    pub(crate) fn even_port(self, reserve: bool) -> Self {
        self.with(attr::EVEN_PORT, &[u8::from(reserve) << 7])
    }

    pub(crate) fn peer(mut self, peer: &str) -> Self {
        self.attributes
            .push((attr::XOR_PEER_ADDRESS, Value::Xor(super::at(peer))));
        self
    }

    pub(crate) fn channel(self, number: u16) -> Self {
        let [n0, n1] = number.to_be_bytes();
        self.with(attr::CHANNEL_NUMBER, &[n0, n1, 0, 0])
    }

    pub(crate) fn id(mut self, id: TransactionId) -> Self {
        self.id = Some(id);
        self
    }

    pub(crate) fn fingerprint(mut self) -> Self {
        self.fingerprint = true;
        self
    }

    /// The bytes; `sign` adds what a client adds at the end.
    pub(crate) fn build(&self, id: TransactionId, sign: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut buffer = vec![0; 70_000];
        let mut writer = Writer::new(&mut buffer, self.class, self.method, id);
        for (kind, value) in &self.attributes {
            match value {
                Value::Bytes(bytes) => writer.bytes(*kind, bytes),
                Value::Xor(address) => writer.xor_address(*kind, *address),
            }
        }
        sign(&mut writer);
        if self.fingerprint {
            writer.fingerprint();
        }
        writer.finish().expect("a message that fits").to_vec()
    }

    /// The bytes, signed by nobody.
    pub(crate) fn unsigned(&self) -> Vec<u8> {
        self.build(self.id.unwrap_or([0x55; 12].into()), |_| ())
    }
}
