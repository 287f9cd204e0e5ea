//! What a NAT gateway, an egress-only gateway or a load balancer remembers of a connection (semantics 9.4, 10.5, 13.6).

use std::time::Duration;

/// "350 s without packets".
const IDLE: Duration = Duration::from_secs(350);
/// While nobody has answered yet.
const UNANSWERED: Duration = Duration::from_secs(60);
/// FIN both ways, or RST.
const CLOSING: Duration = Duration::from_secs(10);

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// Whether a segment opens a connection.
pub(super) const fn opens(tcp_flags: u8) -> bool {
    tcp_flags & SYN != 0 && tcp_flags & (RST | ACK) == 0
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    answered: bool,
    /// Outward and back.
    fin: [bool; 2],
    reset: bool,
    last_seen: Duration,
}

impl Held {
    pub(super) fn saw(&mut self, outward: bool, tcp_flags: u8, now: Duration) {
        self.answered |= !outward;
        self.fin[usize::from(!outward)] |= tcp_flags & FIN != 0;
        self.reset |= tcp_flags & RST != 0;
        self.last_seen = now;
    }

    pub(super) fn is_live(&self, now: Duration) -> bool {
        self.is_live_for(IDLE, now)
    }

    /// The same, where idle connections are forgotten after another time.
    pub(super) fn is_live_for(&self, idle: Duration, now: Duration) -> bool {
        let limit = match self {
            _ if self.is_closing() => CLOSING,
            _ if self.answered => idle,
            _ => UNANSWERED,
        };
        now.saturating_sub(self.last_seen) <= limit
    }

    /// A connection that is closing is over when another one opens between the same ports.
    pub(super) fn is_succeeded_by(&self, tcp_flags: u8) -> bool {
        self.is_closing() && opens(tcp_flags)
    }

    fn is_closing(&self) -> bool {
        self.reset || self.fin == [true; 2]
    }
}
