//! Which scenarios there are. All but one are played on both stages.

/// Hands the names of the scenarios without gateways to a macro.
#[macro_export]
macro_rules! for_each_scenario {
    ($macro:ident) => {
        $macro! {
            s01_a_nacl_is_not_consulted_inside_a_subnet
            s02_without_an_ingress_rule_nothing_new_comes_in
            s03_members_of_the_default_group_reach_each_other
            s04_sharing_a_group_grants_nothing_by_itself
            s05_a_new_group_lets_everything_out_and_nothing_in
            s06_an_enis_rules_are_the_union_of_its_groups
            s07_egress_rules_do_not_apply_to_replies
            s08_an_icmp_rule_admits_its_type_and_the_answer
            s09_a_reference_follows_membership
            s10_a_middlebox_loses_the_senders_groups
            s12_a_rule_follows_its_prefix_list
            s13_a_reference_admits_every_address_of_a_member
            s14_a_packet_leaves_by_its_own_eni_only
            s15_reserved_addresses_are_nobodys_and_others_have_one_owner
            s16_the_platform_answers_for_everybody_and_floods_nothing
            s17_the_router_is_not_a_hop
            s18_a_tracked_session_survives_its_rule
            s19_an_untracked_session_ends_with_its_rule
            s20_without_open_egress_the_same_session_is_tracked
            s22_an_idle_connection_is_forgotten_after_its_timeout
            s23_udp_is_remembered_for_30_seconds_and_a_stream_for_180
            s24_an_icmp_error_about_a_tracked_connection_needs_a_rule
            s25_a_nacl_cuts_a_live_session_at_once
            s26_other_protocols_are_remembered_for_600_seconds
            s27_a_new_nacl_denies_everything
            s28_a_nacl_remembers_nothing_so_answers_need_a_rule
            s29_the_lowest_number_that_matches_decides
            s30_ranges_match_destination_ports
            s31_rules_of_ipv4_do_not_admit_ipv6
            s32_ports_of_a_rule_for_all_protocols_are_ignored
            s38_a_route_to_a_subnet_is_longer_than_the_local_one
            s40_a_new_main_table_is_followed_at_once_by_whoever_has_no_other
            s41_traffic_inside_a_subnet_follows_no_route
            s43_link_local_services_are_led_nowhere_else
            s44_a_destination_has_one_static_route
        }
    };
}

/// Hands the names of the scenarios with gateways to a macro.
#[macro_export]
macro_rules! for_each_gateway_scenario {
    ($macro:ident) => {
        $macro! {
            s11_a_public_address_carries_no_membership
            s21_a_session_by_a_load_balancer_is_tracked_whatever_the_rules
            s24_an_error_about_a_nat_gateways_flow_needs_no_rule
            s34_a_nacl_sees_the_outside_source_and_the_private_destination
            s35_a_longer_route_to_a_transit_gateway_wins_over_a_peering
            s39_a_deleted_nat_gateway_leaves_a_blackhole
            s42_translation_comes_before_the_gateways_table
            s45_the_outside_sees_the_public_address_and_the_guests_port
            s46_without_a_public_address_nothing_leaves
            s47_the_request_needs_no_route_and_the_answer_does
            s48_an_internet_gateway_takes_no_private_destination
            s49_a_neighbour_by_its_public_address_is_a_stranger
            s50_the_internet_takes_1500_bytes
            s51_blocked_public_access_leaves_the_nat_gateway_or_nothing
            s52_an_egress_only_gateway_lets_in_what_was_asked_for
            s53_nothing_from_the_internet_reaches_an_endpoint
            s54_nobody_outside_has_an_address_of_the_inside
            s55_a_connection_goes_out_by_the_nat_gateway_and_its_answers_come_back
            s56_an_idle_connection_is_reset_towards_the_inside_alone
            s57_nothing_unsolicited_comes_in_by_a_nat_gateway
            s58_one_destination_has_55000_mappings
            s59_the_nat_gateways_nacl_sees_the_answer_as_well
            s60_a_private_nat_gateway_has_no_way_out
            s61_a_peer_does_not_leave_by_our_gateways
            s62_answers_to_a_nat_gateway_return_over_the_peering
            s63_a_nat_gateway_carries_udp_in_fragments_and_pings_and_no_gre
            s64_a_spoke_leaves_by_the_nat_gateway_of_another_vpc
            s65_a_guest_reaches_ipv4_from_ipv6_by_a_nat_gateway
            s66_a_peering_needs_a_route_on_both_sides
            s67_a_peering_leads_to_the_peer_and_no_further
            s69_vpcs_of_one_cidr_are_never_peers
            s70_a_reference_reaches_over_an_active_peering
            s71_a_peering_that_is_not_accepted_is_a_blackhole
            s72_an_endpoint_is_reached_over_a_peering
            s73_the_answer_follows_the_route_and_not_the_request
            s74_the_target_sees_the_node_and_the_client_sees_the_endpoint
            s75_nothing_of_the_provider_reaches_the_consumer
            s76_an_endpoints_groups_admit_requests_and_let_out_nothing
            s77_an_endpoint_that_is_not_available_carries_nothing
            s78_an_endpoint_has_the_ports_of_listeners_and_answers_no_ping
            s79_a_zone_without_targets_needs_those_of_others
            s80_a_target_admits_the_node_and_never_sees_the_client
            s82_a_load_balancers_groups_see_the_client_where_they_are_asked
            s83_an_idle_connection_by_an_endpoint_is_reset
            s84_what_is_no_connection_is_reset_and_what_nobody_listens_to_is_not
            s85_a_target_admits_a_load_balancer_by_its_group
            s86_a_target_reaches_itself_only_as_somebody_else
            s87_an_endpoint_needs_a_principal_and_a_zone_that_are_allowed
            s88_an_endpoint_takes_8500_bytes_and_tells_nobody
            s89_a_target_that_goes_keeps_its_connections_and_gets_no_new_ones
            s91_a_gateway_endpoint_needs_no_gateway_and_no_public_address
            s92_a_gateway_endpoint_carries_tcp_and_pings
            s93_a_peer_does_not_use_a_gateway_endpoint
            s94_a_group_names_the_services_list
            s95_a_static_route_to_the_same_block_wins_over_the_endpoints
            s96_what_comes_and_goes_passes_an_appliance
            s97_an_appliance_returns_a_packet_as_it_was_or_it_is_gone
            s98_an_idle_connection_by_an_appliance_begins_anew
            s99_a_target_behind_a_rest_link_sees_the_node_and_no_caller
            s99_a_load_balancers_groups_are_asked_about_callers_if_enforced
            s100_an_http_link_is_an_eni_that_the_service_sends_by_and_nobody_reaches
            s101_a_transit_gateway_is_entered_in_the_senders_zone
            s102_a_transit_gateway_needs_association_and_route
            s103_an_attachments_inbound_rules_are_asked_of_what_leaves
            s104_appliance_mode_keeps_both_directions_in_one_zone
            s105_groups_are_known_where_all_three_say_so
            s106_of_two_vpcs_of_one_cidr_the_first_is_reached
        }
    };
}

macro_rules! names {
    ($($name:ident)*) => {
        &[$(stringify!($name)),*]
    };
}

/// In order of number.
const WITHOUT_GATEWAYS: &[&str] = for_each_scenario!(names);
const WITH_GATEWAYS: &[&str] = for_each_gateway_scenario!(names);

/// What an agent says to a target is no packet of its own: these are played between namespaces alone, as tests of that
/// name in `tests/netns/balancer/told.rs`.
pub const BY_AN_AGENT: &[&str] = &["s81_a_target_is_told_the_client_and_the_endpoint"];

/// The names of all scenarios that are played, as `docs/scenarios.md` lists them.
pub fn all_played() -> impl Iterator<Item = &'static str> {
    let everywhere = WITHOUT_GATEWAYS.iter().chain(WITH_GATEWAYS);
    everywhere.chain(BY_AN_AGENT).copied()
}
