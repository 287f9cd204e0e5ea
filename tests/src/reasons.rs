//! Which drop reason a sentence of the specification has. Beside the model, which knows nothing of what it judges.

use crate::model::Reason;
use groundplane_abi::DropReason;

pub fn of(reason: Reason) -> DropReason {
    match reason {
        Reason::EndsEarly => DropReason::TRUNCATED,
        Reason::IpHeaderIsWrong => DropReason::BAD_IP_HEADER,
        Reason::TransportHeaderIsWrong => DropReason::BAD_TRANSPORT_HEADER,
        Reason::FragmentIsWrong => DropReason::BAD_FRAGMENT,
        Reason::OptionsDontAddUp => DropReason::BAD_OPTIONS,
        Reason::ExtensionHeaders => DropReason::EXTENSION_HEADERS,
        Reason::ChoosesItsOwnWay => DropReason::SOURCE_ROUTED,
        Reason::TooLarge => DropReason::MTU_EXCEEDED,
        Reason::HasVlanTag => DropReason::VLAN_TAGGED,
        Reason::IsNotIp => DropReason::NOT_IP,
        Reason::NoIpv6 => DropReason::NO_IPV6,
        Reason::BroadcastOrMulticast => DropReason::MULTICAST,
        Reason::AddressIsNobodys => DropReason::UNUSABLE_ADDRESS,
        Reason::SourceMacIsNotTheEnis => DropReason::SOURCE_MAC,
        Reason::SourceDestCheckAtSender => DropReason::SOURCE_CHECK,
        Reason::SourceDestCheckAtReceiver => DropReason::DESTINATION_CHECK,
        Reason::NobodyHasTheMac => DropReason::UNKNOWN_MAC,
        Reason::LinkLocalService => DropReason::LINK_LOCAL_SERVICE,
        Reason::ArpIsNoRequest => DropReason::ARP_INVALID,
        Reason::ArpSenderIsNotTheEni => DropReason::ARP_SPOOFED,
        Reason::ArpForNobody => DropReason::ARP_UNANSWERED,
        Reason::NeighborMessageIsWrong => DropReason::NEIGHBOR_INVALID,
        Reason::NeighborSenderIsNotTheEni => DropReason::NEIGHBOR_SPOOFED,
        Reason::NeighborIsNobody => DropReason::NEIGHBOR_UNANSWERED,
        Reason::NoEgressRule => DropReason::GROUP_EGRESS,
        Reason::NoIngressRule => DropReason::GROUP_INGRESS,
        Reason::GroupReferenceLost => DropReason::GROUP_REFERENCE_LOST,
        Reason::NaclDeniesOutbound => DropReason::NACL_EGRESS,
        Reason::NaclDeniesInbound => DropReason::NACL_INGRESS,
        Reason::OrphanFragment => DropReason::ORPHAN_FRAGMENT,
        Reason::NoRoute => DropReason::NO_ROUTE,
        Reason::RouteIsBlackhole => DropReason::BLACKHOLE_ROUTE,
        Reason::TargetCantCarryIt => DropReason::UNUSABLE_TARGET,
        Reason::NobodyHasTheAddress => DropReason::NO_OWNER,
    }
}
