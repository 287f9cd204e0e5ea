//! Why a packet is dropped, in the specification's words.

/// A sentence of the specification that drops a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The frame ends before a header it announces.
    EndsEarly,
    /// The IP header contradicts itself or the frame.
    IpHeaderIsWrong,
    TransportHeaderIsWrong,
    /// Fragments that could disagree about the transport header, or make too long a packet.
    FragmentIsWrong,
    OptionsDontAddUp,
    /// More of IPv6's extension headers, or longer ones, than anybody follows.
    ExtensionHeaders,
    ChoosesItsOwnWay,
    /// 23: "inside a VPC 9001".
    TooLarge,
    HasVlanTag,
    /// 3.1: "Dropped at the ENI: all non-IP ethertypes except ARP."
    IsNotIp,
    /// The subnet has no IPv6 block.
    NoIpv6,
    /// 3.1: "Dropped at the ENI: broadcast and multicast IPv4, IPv6 multicast except ND/DHCPv6."
    BroadcastOrMulticast,
    /// Addresses that nobody can have: this network, loopback, reserved, and on the way to somebody else link-local
    /// ones.
    AddressIsNobodys,
    /// 3.1: "Frames whose source MAC is not the ENI's MAC should be dropped."
    SourceMacIsNotTheEnis,
    /// 3.2: "Egress: source IP must be one of the ENI's own addresses or the packet is dropped."
    SourceDestCheckAtSender,
    /// 3.2: "Ingress: destination IP must be one of the ENI's own addresses or the packet is dropped."
    SourceDestCheckAtReceiver,
    /// 3.1: there is no flooding and no learning.
    NobodyHasTheMac,
    /// 3.3, and nobody serves it yet.
    LinkLocalService,
    /// 3.1: "ARP announcements and ARP replies sent by a guest have no effect."
    ArpIsNoRequest,
    ArpSenderIsNotTheEni,
    /// 3.1: "Requests for addresses not assigned to any ENI get no answer."
    ArpForNobody,
    /// The same three for neighbour discovery.
    NeighborMessageIsWrong,
    NeighborSenderIsNotTheEni,
    NeighborIsNobody,
    /// 6.1: "No SG egress rule: nothing new gets out."
    NoEgressRule,
    /// 6.1: "No SG ingress rule: nothing new gets in."
    NoIngressRule,
    /// 28.2: "a rule would match by SG reference, but the path drops SG identity".
    GroupReferenceLost,
    /// 8.1, leaving the subnet.
    NaclDeniesOutbound,
    /// 8.1, entering the subnet.
    NaclDeniesInbound,
    /// 7.7: "dropped if any port-specific decision would be needed".
    OrphanFragment,
    /// 4.2, 6: "none: drop".
    NoRoute,
    /// 5.2: "A matching route in state blackhole is selected and drops the packet."
    RouteIsBlackhole,
    /// 28.2: "a table exists but its route can't carry this packet".
    TargetCantCarryIt,
    /// 4.4: "no owner: silent drop".
    NobodyHasTheAddress,
    /// This project's choice: a packet is routed eight times at most.
    TooManyHops,
    /// 9.2: "Source must be a private IPv4 of an attached ENI of this VPC that has an associated public IPv4/EIP".
    SourceHasNoPublicAddress,
    /// 9.3: "IPv4 destination must be a public address mapped to an attached ENI in this VPC".
    NobodysPublicAddress,
    /// 9.2: "Destination in RFC 1918 or 100.64.0.0/10: drop."
    DestinationIsPrivate,
    DestinationIsShared,
    /// 9.3: "Source in RFC 1918, 100.64.0.0/10, or in the VPC's own CIDRs: drop."
    SourceIsPrivate,
    SourceIsShared,
    /// 4.5: "All gateways reject packets whose source is inside the VPC's own CIDRs (spoofing)."
    SourceIsSpoofed,
    /// 9.2: "ENI must not have DenyAllIgwTraffic=true."
    EniDeniesTheInternet,
    /// 9.5: "all other traffic through the IGW is dropped".
    PublicAccessIsBlocked,
    /// 9.4: "drops everything initiated outside".
    NobodyAskedForIt,
    /// 5.5: "If inbound traffic for a subnet is redirected to an appliance, that subnet can't use a direct IGW route";
    /// and "Other targets: refused".
    EdgeTableLeadsElsewhere,
    /// 5.5: "that ENI must have a public IPv4".
    EdgeTableLeadsToPrivate,
    /// 10.4: "Exhaustion: new connection dropped."
    NatHasNoPortLeft,
    /// 10.3: "Everything else (GRE, ESP, SCTP) is dropped."
    NatDoesNotCarryIt,
    /// 10.3: "TCP and ICMP fragments are dropped."
    NatDropsFragments,
    /// 10.5: "Inbound packets for an expired mapping: dropped."
    NatHasNoMapping,
    /// 10.5: "Next outbound TCP packet of that connection: NAT gateway answers with RST."
    NatKnowsNoConnection,
    /// 11.3: "Crossing is allowed only if the destination is inside a CIDR of B."
    AddressIsNotThePeers,
    /// 18.3: "accepted only if the attachment has a subnet in the source ENI's AZ".
    TransitHasNoSubnetInTheZone,
    /// 18.1: "None: drop."
    TransitHasNoAssociation,
    TransitHasNoRoute,
    /// 18.2: "Static routes may be Blackhole=true: drop."
    TransitRouteIsBlackhole,
    /// 10.8, where it is silent: RFC 7915 has nothing for it, or this project doesn't.
    OtherFamilyHasNoWord,
    /// 23: "DF set: drop + ICMP 3/4".
    LargerThanThePath,
    /// 10.2, where "NAT gateway is visible as a hop" (3.1).
    HopLimitIsUsedUp,
    /// 13.2: "Destination port/protocol must match a listener; otherwise silently dropped."
    NobodyListens,
    /// 13.2: "candidates: healthy targets in the node's own AZ", and there are none.
    NoTargetIsThere,
    /// 13.2: "ICMP other than type 3 dropped (no ping)"; and 13.1, where listeners have TCP and UDP.
    BalancerDoesNotCarryIt,
    /// 13.2: "neither a SYN nor part of a known connection: RST".
    BalancerKnowsNoConnection,
    /// 13.3: "overflow counted in PortAllocationErrorCount, connection fails".
    BalancerHasNoPortLeft,
    /// 13.3: "is selected itself sees src = dst = itself: times out".
    TargetMeetsItself,
    /// 7.7, where the ports say which listener is meant.
    BalancerDropsFragments,
    /// 14.3: "Packets pass only in Available."
    EndpointIsNotAvailable,
    /// 14.4: "protocol TCP or UDP?", and "ICMP is not transported".
    EndpointDoesNotCarryIt,
    /// 14.4: "MTU 8500, larger packets dropped, no ICMP frag-needed".
    LargerThanTheEndpointTakes,
    /// 14.3: "each endpoint ENI is bound to the NLB node in its own AZ", and there is none.
    EndpointHasNoNode,
    /// 16.3: "No IP fragmentation support".
    InspectionTakesNoFragments,
    /// 16.2: "target selection", and nobody is there.
    InspectionHasNoTarget,
    /// 16.3: "afterwards only a SYN starts a new flow, data packets are dropped".
    InspectionKnowsNoFlow,
    /// 16.2: "All three are mandatory and must come back unchanged".
    InspectionOptionsDiffer,
    /// 28.2: "GENEVE leg not UDP 6081".
    NodeTakesGeneveAlone,
    /// 15: "Accepts only TCP and ICMP echo".
    GatewayEndpointDoesNotCarryIt,
    /// 15: "Usable only by sources inside the VPC".
    GatewayEndpointServesItsVpc,
    /// This project's choice: two VPCs of one host have a client with the same address and port, and nobody could tell
    /// whose the answers are.
    AnswersAreSomebodyElses,
    /// 17.2: "nothing in the customer VPC can initiate toward the service".
    LinkTakesAnswersAlone,
}
