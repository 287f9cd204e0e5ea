//! Why a packet was dropped.
//!
//! Numbered and append-only: a number once given is never given again, since it stands in counters and in people's
//! notes. The code is AWS's for the same thing (semantics 28.2), or with `X_` this project's (semantics 28.3), where
//! there is one.

use bytemuck::{Pod, Zeroable};
use core::fmt;

/// Why a packet was dropped; [`DropReason::NONE`] means that it was not. A number and not an enum, because it crosses
/// the boundary between stages and stands in tables, where any bit pattern must be a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Pod, Zeroable)]
#[repr(transparent)]
#[must_use]
pub struct DropReason(pub u16);

/// What people are told about a reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Description {
    pub reason: DropReason,
    pub name: &'static str,
    /// The stage that drops.
    pub stage: &'static str,
    /// The reachability code (semantics 28), or "".
    pub code: &'static str,
    pub meaning: &'static str,
}

macro_rules! reasons {
    ($($number:literal $konst:ident $name:literal $stage:literal $code:literal $meaning:literal)+) => {
        impl DropReason {
            $(#[doc = $meaning] pub const $konst: Self = Self($number);)+

            /// Every reason there is, in order of number.
            pub const ALL: &'static [Description] = &[$(Description {
                reason: Self($number), name: $name, stage: $stage, code: $code, meaning: $meaning,
            }),+];
        }
    };
}

reasons! {
    1  TRUNCATED            "Truncated"          "parse"    ""  "the frame ends before a header it announces"
    2  BAD_IP_HEADER        "BadIpHeader"        "parse"    ""  "version, header length or total length of the IP header contradict each other or the frame"
    3  BAD_TRANSPORT_HEADER "BadTransportHeader" "parse"    ""  "data offset or length of the TCP or UDP header contradict the packet"
    4  BAD_FRAGMENT         "BadFragment"        "parse"    ""  "a fragment that overlaps the transport header, or too short to hold it"
    5  BAD_OPTIONS          "BadOptions"         "parse"    ""  "an IP option list that doesn't add up"
    6  SOURCE_ROUTED        "SourceRouted"       "parse"    ""  "a source-routing IP option, which would choose its own way"
    7  VLAN_TAGGED          "VlanTagged"         "parse"    "X_L2_INVALID" "a VLAN tag; a VPC has none"
    8  NOT_IP               "NotIp"              "parse"    "X_L2_INVALID" "neither IP nor ARP"
    9  NO_IPV6              "NoIpv6"             "parse"    "X_L2_INVALID" "IPv6 from an ENI whose subnet has no IPv6 block"
    10 MULTICAST            "Multicast"          "parse"    "X_L2_INVALID" "broadcast or multicast; a VPC has neither"
    11 UNUSABLE_ADDRESS     "UnusableAddress"    "parse"    ""  "a loopback, unspecified or reserved address as source or destination"
    12 SOURCE_MAC           "SourceMac"          "eni"      "X_L2_INVALID" "the frame's source MAC is not the ENI's"
    13 SOURCE_CHECK         "SourceCheck"        "eni"      "ENI_SOURCE_DEST_CHECK_RESTRICTION" "the source address is none of the ENI's and SourceDestCheck is on"
    14 DESTINATION_CHECK    "DestinationCheck"   "eni"      "ENI_SOURCE_DEST_CHECK_RESTRICTION" "the destination address is none of the receiving ENI's and its SourceDestCheck is on"
    15 UNKNOWN_MAC          "UnknownMac"         "eni"      "X_L2_INVALID" "nobody in the subnet has the frame's destination MAC"
    16 LINK_LOCAL_SERVICE   "LinkLocalService"   "eni"      ""  "a link-local service that nobody serves on this host"
    17 ARP_INVALID          "ArpInvalid"         "arp"      ""  "an ARP packet that is no request, or not for Ethernet and IPv4"
    18 ARP_SPOOFED          "ArpSpoofed"         "arp"      ""  "the ARP sender is not this ENI"
    19 ARP_UNANSWERED       "ArpUnanswered"      "arp"      ""  "nobody in the subnet has the address asked for, or the asker has it itself"
    20 GROUP_EGRESS         "GroupEgress"        "security_group" "ENI_SG_RULES_MISMATCH" "no group of the sending ENI has an egress rule for it"
    21 GROUP_INGRESS        "GroupIngress"       "security_group" "ENI_SG_RULES_MISMATCH" "no group of the receiving ENI has an ingress rule for it"
    22 NACL_EGRESS          "NaclEgress"         "nacl"     "SUBNET_ACL_RESTRICTION" "the NACL of the subnet it leaves denies it outbound"
    23 NACL_INGRESS         "NaclIngress"        "nacl"     "SUBNET_ACL_RESTRICTION" "the NACL of the subnet it enters denies it inbound"
    24 NO_ROUTE             "NoRoute"            "route"    "NO_ROUTE_TO_DESTINATION" "the subnet's route table has no route to the destination"
    25 BLACKHOLE_ROUTE      "BlackholeRoute"     "route"    "BAD_STATE_ROUTE" "the selected route's state is blackhole"
    26 UNUSABLE_TARGET      "UnusableTarget"     "route"    "CANNOT_ROUTE" "the selected route's target can't carry this packet"
    27 NO_OWNER             "NoOwner"            "route"    "X_LOCAL_NO_OWNER" "the destination is in the VPC, but no ENI has it"
    28 TOO_MANY_HOPS        "TooManyHops"        "walk"     "CANNOT_ROUTE" "more than eight hops"
    29 NO_ENI               "NoEni"              "tables"   ""  "the device belongs to no ENI of the configuration in force"
    30 NO_SUBNET            "NoSubnet"           "tables"   ""  "the subnet is missing in the configuration in force"
    31 NO_NACL              "NoNacl"             "tables"   ""  "the NACL is missing in the configuration in force"
    32 NO_GROUP_SET         "NoGroupSet"         "tables"   ""  "the ENI's groups are missing in the configuration in force"
    33 NO_SCRATCH           "NoScratch"          "tables"   ""  "a table of the program itself is missing"
    34 FLOW_TABLE_FULL      "FlowTableFull"      "flow"     "X_CONNTRACK_FULL" "the connection would have to be tracked and the table is full"
    35 HOST_PACKET          "HostPacket"         "guard"    ""  "the host itself sent it to a guest's interface"
    36 ORPHAN_FRAGMENT      "OrphanFragment"     "nacl"     "SUBNET_ACL_RESTRICTION" "a fragment whose first one wasn't seen, and a NACL rule asks for its port"
    37 GROUP_REFERENCE_LOST "GroupReferenceLost" "security_group" "SG_REFERENCES_NOT_PRESERVED" "a rule refers to a group of the source's ENI, but the packet came through something that loses that"
    38 CONNECTION_ALLOWANCE "ConnectionAllowance" "flow"    "X_CONNTRACK_FULL" "the ENI tracks as many connections as it may (conntrack_allowance_exceeded)"
    39 FIRST_PACKET_ALLOWANCE "FirstPacketAllowance" "flow" "X_CONNTRACK_FULL" "the ENI opens connections faster than it may"
    40 MTU_EXCEEDED         "MtuExceeded"        "parse"    "X_MTU_EXCEEDED" "larger than the MTU of a VPC, 9001; no ICMP error was sent"
    41 NEIGHBOR_INVALID     "NeighborInvalid"    "neighbor" ""  "a neighbour discovery message that is no solicitation, or a malformed one"
    42 NEIGHBOR_SPOOFED     "NeighborSpoofed"    "neighbor" ""  "the sender of a neighbour discovery message is not this ENI"
    43 NEIGHBOR_UNANSWERED  "NeighborUnanswered" "neighbor" ""  "nobody in the subnet has the address asked for, or the asker has it itself"
    44 EXTENSION_HEADERS    "ExtensionHeaders"   "parse"    ""  "IPv6 extension headers that are too many, too long or in a place where none may be"
    45 NO_PUBLIC_ADDRESS    "NoPublicAddress" "internet" "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS" "the source has no public address, and the internet gateway translates nothing else"
    46 NOBODYS_PUBLIC_ADDRESS "NobodysPublicAddress" "internet" "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS" "the public destination stands for no address of an attached ENI"
    47 PRIVATE_DESTINATION  "PrivateDestination" "internet" "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS" "an RFC 1918 destination at an internet gateway"
    48 SHARED_DESTINATION   "SharedDestination" "internet" "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS" "a destination in 100.64.0.0/10 at an internet gateway"
    49 PRIVATE_SOURCE       "PrivateSource" "internet" "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS" "an RFC 1918 source from the internet"
    50 SHARED_SOURCE        "SharedSource" "internet" "IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS" "a source in 100.64.0.0/10 from the internet"
    51 SPOOFED_SOURCE       "SpoofedSource" "gateway" "GATEWAY_REJECTS_SPOOFED_TRAFFIC" "from outside of the VPC, with a source inside of it"
    52 INTERNET_DENIED      "InternetDenied" "internet" "" "DenyAllIgwTraffic is on at the ENI"
    53 PUBLIC_ACCESS_BLOCKED "PublicAccessBlocked" "internet" "VPC_BLOCK_PUBLIC_ACCESS_ENABLED" "public access is blocked (VPC Block Public Access)"
    54 EGRESS_ONLY          "EgressOnly" "internet" "X_EIGW_NO_STATE" "from the internet to an address whose subnet leaves by an egress-only gateway, which has no state of it"
    55 NO_UPLINK            "NoUplink" "internet" "" "no uplink leads to the internet, or it is larger than one takes and the cutter is gone, which makes fragments"
    56 EDGE_ROUTE           "EdgeRoute" "internet" "INGRESS_RTB_TRAFFIC_REDIRECTION" "the gateway's route table leads it to somewhere it can't go"
    57 EDGE_PUBLIC_ADDRESS  "EdgePublicAddress" "internet" "INGRESS_RTB_NO_PUBLIC_IP" "the gateway's route table leads to an ENI without a public address"
    58 NAT_PORTS_EXHAUSTED  "NatPortsExhausted" "nat" "X_NAT_PORT_EXHAUSTED" "all 55,000 mappings of the NAT gateway's addresses to this destination are in use"
    59 NAT_PROTOCOL         "NatProtocol" "nat" "X_NAT_PROTOCOL" "a NAT gateway carries TCP, UDP and ICMP echo alone"
    60 NAT_FRAGMENT         "NatFragment" "nat" "X_NAT_FRAGMENT" "a NAT gateway drops fragments of TCP and ICMP"
    61 NAT_NO_MAPPING       "NatNoMapping" "nat" "X_NAT_NO_MAPPING" "nobody behind the NAT gateway has asked for it, or too long ago"
    62 NAT_IDLE_RESET       "NatIdleReset" "nat" "X_NAT_IDLE_RST" "the connection was idle for more than 350 s, or the NAT gateway never knew it; its sender got a RST"
    63 PEERING_ADDRESS      "PeeringAddress" "peering" "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR" "the destination isn't in the peered VPC"
    64 TRANSIT_ZONE         "TransitZone" "transit" "TGW_ROUTE_AZ_RESTRICTION" "the transit gateway's attachment has no subnet in the sender's zone"
    65 TRANSIT_NO_ASSOCIATION "TransitNoAssociation" "transit" "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION" "the attachment is associated with no route table of the transit gateway"
    66 TRANSIT_NO_ROUTE     "TransitNoRoute" "transit" "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT" "the transit gateway's route table has no route to the destination"
    67 TRANSIT_BLACKHOLE    "TransitBlackhole" "transit" "X_TGW_BLACKHOLE" "the selected route of the transit gateway's table is a blackhole"
    68 PATH_MTU_EXCEEDED    "PathMtuExceeded" "rewrite" "X_MTU_EXCEEDED" "larger than its path takes, and not to be fragmented; its sender was told by ICMP"
    69 HOP_LIMIT            "HopLimit" "rewrite" "" "its TTL ran out at a NAT gateway; its sender was told by ICMP"
    70 NAT64_CONTENT        "Nat64Content" "nat" "" "NAT64 doesn't carry fragments, IPv4 options, IPv6 extension headers, UDP over IPv4 without a checksum, and ICMP that the other family has no word for"
    71 NO_LISTENER          "NoListener" "balancer" "X_NLB_NO_LISTENER" "no listener of the load balancer has this protocol and port"
    72 NO_TARGET            "NoTarget" "balancer" "X_NLB_NO_TARGET" "the listener's target group has no target that this node may use"
    73 BALANCER_PROTOCOL    "BalancerProtocol" "balancer" "PROTOCOL_RESTRICTION" "a load balancer carries TCP and UDP, and no ICMP but errors about them"
    74 BALANCER_RESET       "BalancerReset" "balancer" "X_NLB_UNKNOWN_FLOW_RST" "the load balancer knows no such connection, any more or at all, or its target is gone; its sender got a RST"
    75 BALANCER_PORTS_EXHAUSTED "BalancerPortsExhausted" "balancer" "X_NAT_PORT_EXHAUSTED" "all 55,000 ports of the node's address to the chosen target are in use"
    76 BALANCER_HAIRPIN     "BalancerHairpin" "balancer" "ELBV2_SOURCE_ADDRESS_PRESERVATION" "a target was chosen for its own connection, and would have met its own address as the source"
    77 BALANCER_FRAGMENT    "BalancerFragment" "balancer" "PROTOCOL_RESTRICTION" "a fragment of which the load balancer hasn't seen the first one"
    78 ENDPOINT_NOT_AVAILABLE "EndpointNotAvailable" "endpoint" "X_ENDPOINT_NOT_AVAILABLE" "the endpoint isn't in the state Available"
    79 ENDPOINT_PROTOCOL    "EndpointProtocol" "endpoint" "X_ENDPOINT_PROTOCOL" "an interface endpoint carries TCP and UDP alone"
    80 ENDPOINT_MTU         "EndpointMtu" "endpoint" "X_MTU_EXCEEDED" "larger than 8500 at an interface endpoint; no ICMP error was sent"
    81 ENDPOINT_NO_NODE     "EndpointNoNode" "endpoint" "VPCE_SERVICE_NOT_INSTALLED_IN_AZ" "the service's load balancer has no node in the zone of the endpoint's network interface"
    82 GATEWAY_ENDPOINT_PROTOCOL "GatewayEndpointProtocol" "endpoint" "VPCE_GATEWAY_PROTOCOL_RESTRICTION" "a gateway endpoint carries TCP and ICMP echo alone"
    83 GATEWAY_ENDPOINT_SOURCE "GatewayEndpointSource" "endpoint" "VPCE_GATEWAY_EGRESS_SOURCE_ADDRESS_RESTRICTION" "a gateway endpoint serves its own VPC alone"
    84 GATEWAY_ENDPOINT_TAKEN "GatewayEndpointTaken" "endpoint" "" "another VPC of this host has a client with the same address and port, and the service's answers to the two couldn't be told apart"
    85 GENEVE_FRAGMENT "GeneveFragment" "gateway_balancer" "PROTOCOL_RESTRICTION" "a fragment at a Gateway Load Balancer's endpoint, which carries whole packets alone"
    86 GENEVE_NO_TARGET "GeneveNoTarget" "gateway_balancer" "X_GWLB_NO_TARGET" "the Gateway Load Balancer has no appliance that this endpoint's node may use"
    87 GENEVE_NOT_OPEN "GeneveNotOpen" "gateway_balancer" "X_GWLB_STALE_FLOW" "the Gateway Load Balancer knows no such TCP connection, any more or at all, and this doesn't open one"
    88 GENEVE_MISMATCH "GeneveMismatch" "gateway_balancer" "X_GWLB_OPTIONS_MISMATCH" "an appliance gave back something else than it got: another header, other options, or another flow's packet"
    89 GENEVE_PROTOCOL "GeneveProtocol" "gateway_balancer" "GWLB_PROTOCOL_RESTRICTION" "a Gateway Load Balancer's node takes nothing but GENEVE from its appliances: whole packets of UDP to port 6081"
    90 NO_FINISHER "NoFinisher" "gateway_balancer" "" "the finisher is gone, by way of which packets go to appliances and come back"
    91 VPC_LINK_ONE_WAY    "VpcLinkOneWay" "balancer" "" "it answers nothing that has come by the VPC link, and nobody opens a connection to the service behind one"
}

impl DropReason {
    pub const NONE: Self = Self(0);

    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// What people are told, if the number is one of ours.
    #[must_use]
    pub fn describe(self) -> Option<&'static Description> {
        Self::ALL.get(usize::from(self.0).checked_sub(1)?)
    }

    /// `Ok` for [`DropReason::NONE`], the reason as an error otherwise.
    #[inline(always)]
    pub const fn check(self) -> Result<(), Self> {
        if self.is_none() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.describe() {
            Some(description) => f.write_str(description.name),
            None if self.is_none() => f.write_str("None"),
            None => write!(f, "Reason{}", self.0),
        }
    }
}

impl fmt::Debug for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

plain!(DropReason = 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_without_gaps_so_that_a_number_finds_its_description() {
        for (index, description) in DropReason::ALL.iter().enumerate() {
            assert_eq!(usize::from(description.reason.0), index + 1, "{}", description.name);
            assert_eq!(description.reason.describe(), Some(description));
        }
        assert_eq!(DropReason::NONE.describe(), None);
    }
}
