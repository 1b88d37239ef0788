//! Builds STUN messages in the caller's buffer.

use core::{fmt, net::SocketAddr};

use crate::{
    Class, ErrorCode, Integrity, Key, Method, TransactionId, address,
    attr::{self, AttributeType},
    integrity,
    message::{FINGERPRINT_LENGTH, FINGERPRINT_MASK, HEADER_LENGTH, header, integrity_attribute},
    padded,
};

/// The buffer handed to a [`Writer`] was too small for what was written into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferTooSmall;

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the buffer is too small for the message")
    }
}

impl core::error::Error for BufferTooSmall {}

/// Builds a message in the caller's buffer. Attributes are written in the order of the calls;
/// integrity and fingerprint cover what was written before them. Padding is zero. Running out of
/// room is remembered and reported by [`Self::finish`].
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    length: usize,
    overflow: bool,
}

impl<'b> Writer<'b> {
    /// Starts a message.
    pub fn new(buffer: &'b mut [u8], class: Class, method: Method, id: TransactionId) -> Self {
        let mut writer = Self {
            buffer,
            length: 0,
            overflow: false,
        };
        if let Some(room) = writer.extend(HEADER_LENGTH) {
            room.copy_from_slice(&header(class, method, id, 0));
        }
        writer
    }

    /// Appends an attribute with these bytes as its value.
    pub fn bytes(&mut self, kind: AttributeType, value: &[u8]) {
        let Ok(length) = u16::try_from(value.len()) else {
            self.overflow = true;
            return;
        };
        if let Some(room) = self.extend(4 + padded(value.len())) {
            room[..2].copy_from_slice(&kind.0.to_be_bytes());
            room[2..4].copy_from_slice(&length.to_be_bytes());
            room[4..4 + value.len()].copy_from_slice(value);
            room[4 + value.len()..].fill(0);
        }
    }

    /// Appends an attribute with this text as its value.
    pub fn text(&mut self, kind: AttributeType, value: &str) {
        self.bytes(kind, value.as_bytes());
    }

    /// Appends an attribute that holds one 32-bit number.
    pub fn number32(&mut self, kind: AttributeType, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// Appends an attribute that holds a plain address.
    pub fn address(&mut self, kind: AttributeType, address: SocketAddr) {
        let mut value = [0; address::MAX_LENGTH];
        let length = address::write(&mut value, address);
        self.bytes(kind, &value[..length]);
    }

    /// Appends an attribute that holds an XOR address.
    pub fn xor_address(&mut self, kind: AttributeType, address: SocketAddr) {
        let mut value = [0; address::MAX_LENGTH];
        let length = address::write_xor(&mut value, address, self.transaction_id());
        self.bytes(kind, &value[..length]);
    }

    /// Appends ERROR-CODE with a reason phrase, which may be empty and is cut to 127 bytes.
    pub fn error_code(&mut self, code: ErrorCode, reason: &str) {
        let reason = &reason.as_bytes()[..reason.floor_char_boundary(127)];
        let mut value = [0; 4 + 127];
        value[..4].copy_from_slice(&code.to_bytes());
        value[4..4 + reason.len()].copy_from_slice(reason);
        self.bytes(attr::ERROR_CODE, &value[..4 + reason.len()]);
    }

    /// Appends MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256.
    pub fn integrity(&mut self, integrity: Integrity, key: &Key) {
        let end = self.length + 4 + integrity.length();
        self.set_length(end);
        let mut code = [0; 32];
        let covered: &[u8] = self.buffer.get(..self.length).unwrap_or_default();
        integrity::sign(integrity, key, &[covered], &mut code);
        self.bytes(integrity_attribute(integrity), &code[..integrity.length()]);
    }

    /// Bytes that have been written.
    #[must_use]
    pub fn written(&self) -> usize {
        self.length
    }

    /// Appends FINGERPRINT; nothing may follow it.
    pub fn fingerprint(&mut self) {
        self.set_length(self.length + FINGERPRINT_LENGTH);
        let covered: &[u8] = self.buffer.get(..self.length).unwrap_or_default();
        let crc = crc32fast::hash(covered) ^ FINGERPRINT_MASK;
        self.number32(attr::FINGERPRINT, crc);
    }

    /// The finished message.
    ///
    /// # Errors
    /// [`BufferTooSmall`] if anything did not fit; then nothing of the buffer may be sent.
    pub fn finish(mut self) -> Result<&'b [u8], BufferTooSmall> {
        self.set_length(self.length);
        if self.overflow {
            return Err(BufferTooSmall);
        }
        Ok(&self.buffer[..self.length])
    }

    fn transaction_id(&self) -> TransactionId {
        let mut id = [0; 12];
        if let Some(bytes) = self.buffer.get(8..HEADER_LENGTH) {
            id.copy_from_slice(bytes);
        }
        TransactionId::from(id)
    }

    /// Writes the header's length field for a message of `end` bytes.
    fn set_length(&mut self, end: usize) {
        match u16::try_from(end.saturating_sub(HEADER_LENGTH)) {
            Ok(length) if !self.overflow => {
                self.buffer[2..4].copy_from_slice(&length.to_be_bytes())
            }
            _ => self.overflow = true,
        }
    }

    fn extend(&mut self, by: usize) -> Option<&mut [u8]> {
        let start = self.length;
        if self.overflow || self.buffer.len() - start < by {
            self.overflow = true;
            return None;
        }
        self.length += by;
        Some(&mut self.buffer[start..start + by])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_runs_out_of_room_says_so_and_does_not_panic() {
        let key = Key::from_bytes(b"key").unwrap();
        for room in 0..100 {
            let mut buffer = vec![0; room];
            let mut writer =
                Writer::new(&mut buffer, Class::Success, Method::BINDING, [1; 12].into());
            writer.text(attr::SOFTWARE, "abcde");
            writer.integrity(Integrity::Sha256, &key);
            writer.fingerprint();
            assert_eq!(
                writer.finish().is_ok(),
                room >= 20 + 12 + 36 + 8,
                "{room} bytes"
            );
        }
    }
}
