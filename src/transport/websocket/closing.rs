//! Close codes and the order of the closing handshake (RFC 6455 §5.5.1, §7.4).

/// The purpose of the connection is fulfilled: the code of a close that the client starts.
pub const CLOSE_NORMAL: u16 = 1000;
/// The peer broke the protocol.
pub const CLOSE_PROTOCOL_ERROR: u16 = 1002;
/// The peer sent text; MQTT travels in binary messages alone [MQTT-6.0.0-1].
pub const CLOSE_UNSUPPORTED_DATA: u16 = 1003;
/// The reason of a close frame is not UTF-8.
pub const CLOSE_NOT_UTF8: u16 = 1007;
/// A message exceeds the limit of the receiver.
pub const CLOSE_TOO_BIG: u16 = 1009;

/// Whether a peer may send `code` in a close frame.
///
/// 1004 to 1006 and 1015 are reserved for local use; 1012 to 1014 were registered after the RFC; 3000 to 4999 belong
/// to libraries and applications (RFC 6455 §7.4.2).
pub fn valid_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// What is left to do of the closing handshake.
///
/// The first sender wins: whoever gets `true` from [`Closing::start`] sends the close frame, everyone else sends
/// nothing any more. Not thread-safe; it belongs under the lock of the sending side.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    sent: bool,
    received: bool,
}

impl Closing {
    /// Asks to send the one close frame of this side: `true` the first time, `false` ever after.
    pub fn start(&mut self) -> bool {
        !std::mem::replace(&mut self.sent, true)
    }

    /// Notes the close frame of the peer.
    pub fn received(&mut self) {
        self.received = true;
    }

    /// Whether data and control frames may still be sent.
    pub fn may_send(&self) -> bool {
        !self.sent
    }

    /// Whether both sides have closed, so that the transport may be dropped without waiting.
    pub fn is_complete(&self) -> bool {
        self.sent && self.received
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_close_frame_is_sent_once_and_nothing_after_it() {
        let mut closing = Closing::default();
        assert!(closing.may_send());
        assert!(closing.start());
        assert!(!closing.may_send());
        assert!(!closing.start());
        assert!(!closing.is_complete());
        closing.received();
        assert!(closing.is_complete());
    }

    #[test]
    fn the_closing_handshake_may_be_started_by_the_peer() {
        let mut closing = Closing::default();
        closing.received();
        assert!(closing.may_send() && !closing.is_complete());
        assert!(closing.start());
        assert!(closing.is_complete());
    }

    #[test]
    fn codes_reserved_for_local_use_are_invalid_on_the_wire() {
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert!(!valid_close_code(code), "{code}");
        }
        for code in
            [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
        {
            assert!(valid_close_code(code), "{code}");
        }
    }
}
