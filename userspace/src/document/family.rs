//! The two families of addresses, and what is counted for each apart.

use ipnet::IpNet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    pub(super) const fn of(block: IpNet) -> Self {
        match block {
            IpNet::V4(_) => Self::Ipv4,
            IpNet::V6(_) => Self::Ipv6,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ByFamily {
    pub(super) ipv4: usize,
    pub(super) ipv6: usize,
}

impl ByFamily {
    pub(super) const fn of(family: Family, count: usize) -> Self {
        let (ipv4, ipv6) = match family {
            Family::Ipv4 => (count, 0),
            Family::Ipv6 => (0, count),
        };
        Self { ipv4, ipv6 }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.ipv4 += other.ipv4;
        self.ipv6 += other.ipv6;
    }

    pub(super) fn most(self) -> usize {
        self.ipv4.max(self.ipv6)
    }
}
