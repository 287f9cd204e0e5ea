//! Which scenarios there are.

/// Hands the names of all scenarios that are played to a macro.
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

macro_rules! names {
    ($($name:ident)*) => {
        /// The names of all scenarios that are played, in order of number.
        pub const PLAYED: &[&str] = &[$(stringify!($name)),*];
    };
}

for_each_scenario!(names);
