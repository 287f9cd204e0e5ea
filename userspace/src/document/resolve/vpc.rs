//! The blocks of a VPC (semantics 2.1).

use crate::document::diagnostic::{Problem, Problems, Spanned};
use crate::document::quotas::{Quota, Quotas};
use crate::document::schema;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// Lengths of the prefix of a VPC's or a subnet's IPv4 block.
pub(super) const PREFIX_LENS: RangeInclusive<u8> = 16..=28;

/// Blocks no VPC may touch: link-local, loopback, "this network", multicast, reserved.
const EXCLUDED: [IpNet; 5] = [
    block(169, 254, 16),
    block(127, 0, 8),
    block(0, 0, 8),
    block(224, 0, 4),
    block(240, 0, 4),
];

/// The same of IPv6: the host's own services, what begins with eight zero bits, link-local, multicast.
const IPV6_EXCLUDED: [IpNet; 4] = [
    ipv6_block(0xfd00, 0x0ec2, 32),
    ipv6_block(0, 0, 8),
    ipv6_block(0xfe80, 0, 10),
    ipv6_block(0xff00, 0, 8),
];

/// Private blocks (RFC 1918) and the one of AWS's own services, as the table of restrictions names them.
const TEN: IpNet = block(10, 0, 8);
const ONE_SEVEN_TWO: IpNet = block(172, 16, 12);
const ONE_NINE_TWO: IpNet = block(192, 168, 16);
const ONE_NINE_EIGHT: IpNet = block(198, 19, 16);

const fn block(first: u8, second: u8, prefix_len: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(first, second, 0, 0), prefix_len))
}

const fn ipv6_block(first: u16, second: u16, prefix_len: u8) -> IpNet {
    let address = Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0);
    IpNet::V6(Ipv6Net::new_assert(address, prefix_len))
}

/// Those of a VPC's blocks that are in order.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub(super) primary: Option<Ipv4Net>,
    pub(super) secondary: Vec<Ipv4Net>,
    pub(super) ipv6: Vec<Ipv6Net>,
    /// Whether there are others, so that nobody can tell what is outside the VPC.
    pub(super) incomplete: bool,
}

impl Blocks {
    pub(super) fn all(&self) -> impl Iterator<Item = IpNet> + '_ {
        let ipv4 = self.primary.iter().chain(&self.secondary).copied().map(IpNet::V4);
        ipv4.chain(self.ipv6.iter().copied().map(IpNet::V6))
    }

    /// The block that another one is inside of.
    pub(super) fn around(&self, inner: IpNet) -> Option<IpNet> {
        self.all().find(|block| block.contains(&inner))
    }
}

/// Two blocks are either apart or one inside the other.
pub(super) fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// Checks a VPC's blocks.
pub(super) fn blocks(vpc: &schema::Vpc<'_>, quotas: &Quotas, problems: &mut Problems) -> Blocks {
    let mut blocks = Blocks::default();
    blocks.primary = checked(vpc.cidr_block, &blocks, problems);
    blocks.incomplete = blocks.primary.is_none();
    let secondary = &vpc.secondary_cidr_blocks;
    for &block in quotas
        .limit(Quota::CidrBlocks)
        .apply(1, secondary, |block| block.span, problems)
    {
        match checked(Some(block), &blocks, problems) {
            Some(block) => blocks.secondary.push(block),
            None => blocks.incomplete = true,
        }
    }
    for block in quotas
        .limit(Quota::Ipv6CidrBlocks)
        .apply(0, &vpc.ipv6_cidr_blocks, |block| block.span, problems)
    {
        if check_ipv6(*block, &blocks, problems) {
            blocks.ipv6.push(block.value);
        } else {
            blocks.incomplete = true;
        }
    }
    blocks
}

/// An IPv4 block if it may join those there are.
fn checked(block: Option<Spanned<Ipv4Net>>, blocks: &Blocks, problems: &mut Problems) -> Option<Ipv4Net> {
    let Spanned { value, span } = block?;
    let refuse = |message: String, help: &str, problems: &mut Problems| {
        problems.report(Problem::error(span, message).code("InvalidVpc.Range").help(help));
        None
    };
    if !PREFIX_LENS.contains(&value.prefix_len()) {
        let message = format!("a VPC's block is a /16 to a /28, this is a /{}", value.prefix_len());
        return refuse(message, "choose another length", problems);
    }
    if let Some(excluded) = EXCLUDED.iter().find(|&&excluded| overlap(excluded, value.into())) {
        let message = format!("{value} lies in {excluded}, which no VPC may use");
        let help = "choose a block out of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16";
        return refuse(message, help, problems);
    }
    if let Some(other) = blocks.all().find(|&other| overlap(other, value.into())) {
        let message = format!("{value} overlaps the VPC's block {other}");
        return refuse(
            message,
            "a VPC's blocks can't share addresses: choose another one",
            problems,
        );
    }
    if let Some((other, forbidden)) = forbidden(value, blocks) {
        let message = format!("{value} can't join {other}: beside it, nothing may be in {forbidden}");
        return refuse(message, "choose another block, such as one of 100.64.0.0/10", problems);
    }
    Some(value)
}

/// The block of the VPC that forbids another one, and what it forbids.
fn forbidden(new: Ipv4Net, blocks: &Blocks) -> Option<(IpNet, IpNet)> {
    const FIFTEEN: IpNet = block(10, 0, 15);
    const SIXTEEN: IpNet = block(10, 0, 16);
    let is_in = |range: &IpNet| range.contains(&IpNet::V4(new));
    let primary = IpNet::V4(blocks.primary?);
    let beside_primary = forbidden_beside(primary).iter().find(|range| is_in(range));
    let in_fifteen = || blocks.all().find(|other| FIFTEEN.contains(other));
    beside_primary
        .map(|&range| (primary, range))
        .or_else(|| in_fifteen().filter(|_| is_in(&SIXTEEN)).map(|other| (other, SIXTEEN)))
}

/// The table of restrictions (semantics 2.1), by where the primary block is.
fn forbidden_beside(primary: IpNet) -> &'static [IpNet] {
    let is_in = |range: IpNet| range.contains(&primary);
    if is_in(TEN) {
        &[ONE_SEVEN_TWO, ONE_NINE_TWO, ONE_NINE_EIGHT]
    } else if is_in(ONE_SEVEN_TWO) {
        &const { [TEN, ONE_NINE_TWO, block(172, 31, 16), ONE_NINE_EIGHT] }
    } else if is_in(ONE_NINE_TWO) {
        &[TEN, ONE_SEVEN_TWO, ONE_NINE_EIGHT]
    } else if is_in(ONE_NINE_EIGHT) {
        &[TEN, ONE_SEVEN_TWO, ONE_NINE_TWO]
    } else {
        &[TEN, ONE_SEVEN_TWO, ONE_NINE_TWO, ONE_NINE_EIGHT]
    }
}

fn check_ipv6(block: Spanned<Ipv6Net>, blocks: &Blocks, problems: &mut Problems) -> bool {
    let Spanned { value, span } = block;
    let (message, help) = if !is_step_of_four(value.prefix_len(), 44..=60) {
        let message = format!(
            "a VPC's IPv6 block is a /44, /48, /52, /56 or /60, this is a /{}",
            value.prefix_len()
        );
        (message, "choose another length, usually /56")
    } else if let Some(excluded) = IPV6_EXCLUDED.iter().find(|&&excluded| overlap(excluded, value.into())) {
        let message = format!("{value} lies in {excluded}, which no VPC may use");
        (message, "choose a block such as one of 2001:db8::/32")
    } else if let Some(other) = blocks.all().find(|&other| overlap(other, value.into())) {
        let message = format!("{value} overlaps the VPC's block {other}");
        (message, "a VPC's blocks can't share addresses: choose another one")
    } else {
        return true;
    };
    problems.report(Problem::error(span, message).code("InvalidVpc.Range").help(help));
    false
}

/// Whether a length is in the range and a multiple of 4 bits, as AWS's lengths of IPv6 blocks are.
pub(super) fn is_step_of_four(prefix_len: u8, range: RangeInclusive<u8>) -> bool {
    range.contains(&prefix_len) && prefix_len.is_multiple_of(4)
}
