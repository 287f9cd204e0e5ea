//! Rows of route tables.

use super::*;
use groundplane_abi::RouteTableId;
use groundplane_abi::route::{RouteEntry, RouteKey, Target};

const LOCAL: RouteEntry = RouteEntry::new(Target::Local);
/// The middlebox eni-blue-11.
const MIDDLEBOX: RouteEntry = RouteEntry::new(Target::Eni(Device(21)));

fn middlebox() -> RouteTarget {
    RouteTarget::NetworkInterface("eni-blue-11".into())
}

fn to_block(block: &str, target: RouteTarget) -> Route {
    route(Destination::Cidr(cidr(block)), target, RouteOrigin::CreateRoute)
}

fn to_list(id: &str, target: RouteTarget) -> Route {
    route(Destination::PrefixList(id.into()), target, RouteOrigin::CreateRoute)
}

fn propagated(block: &str) -> Route {
    let destination = Destination::Cidr(cidr(block));
    let target = RouteTarget::Gateway("vgw-1".into());
    route(destination, target, RouteOrigin::EnableVgwRoutePropagation)
}

fn blackhole(route: Route) -> Route {
    Route {
        state: RouteState::Blackhole,
        ..route
    }
}

/// The rows of blue's table in order, after some routes came into it.
fn rows(routes: &[Route], lists: &[PrefixList]) -> Vec<(String, RouteEntry)> {
    let plan = plan_of(|resources| {
        resources.route_tables[0].routes.make_mut().extend_from_slice(routes);
        resources.prefix_lists = lists.to_vec();
    });
    rows_of(&plan)
}

fn rows_of(plan: &Plan) -> Vec<(String, RouteEntry)> {
    fn family<I: Family>(plan: &Plan) -> impl Iterator<Item = (String, RouteEntry)> {
        let table = RouteTableId(number("rtb-blue"));
        let routes = I::rows(plan).routes.iter();
        let routes = routes.filter(move |((key, _), _)| key.table == table);
        routes.map(|((RouteKey { destination, .. }, len), entry)| (format!("{destination}/{len}"), *entry))
    }
    family::<Ip4>(plan).chain(family::<Ip6>(plan)).collect()
}

fn check(routes: &[Route], lists: &[PrefixList], added: &[(&str, RouteEntry)]) {
    let mut rows = rows(routes, lists);
    rows.retain(|(_, entry)| *entry != LOCAL);
    let rows: Vec<_> = rows.iter().map(|(block, entry)| (&**block, *entry)).collect();
    assert_eq!(rows, added);
}

#[test]
fn every_block_of_a_vpc_is_local_in_its_own_tables() {
    assert_eq!(
        rows(&[], &[]),
        [("10.0.0.0/16".into(), LOCAL), ("2001:db8:a::/56".into(), LOCAL)]
    );
}

#[test]
fn routes_lead_to_a_middlebox_nowhere_or_to_what_no_table_can_express() {
    check(
        &[
            // Host bits are cleared, and nobody asks where a blackhole leads.
            to_block("10.0.2.9/24", middlebox()),
            blackhole(to_block(
                "10.0.3.0/24",
                RouteTarget::NetworkInterface("eni-gone".into()),
            )),
            to_block("0.0.0.0/0", RouteTarget::Gateway("igw-1".into())),
            to_block("::/0", RouteTarget::EgressOnlyInternetGateway("eigw-1".into())),
            to_block("2001:db8:a:2::/64", middlebox()),
        ],
        &[],
        &[
            ("0.0.0.0/0", RouteEntry::BLACKHOLE),
            ("10.0.2.0/24", MIDDLEBOX),
            ("10.0.3.0/24", RouteEntry::BLACKHOLE),
            ("::/0", RouteEntry::BLACKHOLE),
            ("2001:db8:a:2::/64", MIDDLEBOX),
        ],
    );
}

#[test]
fn a_prefix_list_is_a_candidate_for_each_of_its_entries() {
    check(
        &[to_list("pl-1", middlebox())],
        &[prefix_list(
            "pl-1",
            &["192.0.2.0/24", "198.51.100.7/24", "198.51.100.0/24"],
        )],
        &[("192.0.2.0/24", MIDDLEBOX), ("198.51.100.0/24", MIDDLEBOX)],
    );
    check(
        &[to_list("pl-1", middlebox())],
        &[prefix_list("pl-1", &["2001:db8:b::/48"])],
        &[("2001:db8:b::/48", MIDDLEBOX)],
    );
}

#[test]
fn at_equal_prefix_static_beats_list_beats_propagated() {
    let block = "192.0.2.0/24";
    let lists = [prefix_list("pl-1", &[block]), prefix_list("pl-2", &[block])];
    let gateway = || RouteTarget::Gateway("igw-1".into());
    let (list1, list2) = (to_list("pl-1", middlebox()), to_list("pl-2", gateway()));
    let dead = blackhole(to_block(block, middlebox()));
    for (routes, selected) in [
        (
            vec![propagated(block), list1.clone(), list2.clone(), dead.clone()],
            RouteEntry::BLACKHOLE,
        ),
        (vec![propagated(block), list2.clone(), list1.clone()], MIDDLEBOX),
        (vec![list1, list2.clone(), propagated(block)], MIDDLEBOX),
        (vec![propagated(block), blackhole(list2)], RouteEntry::BLACKHOLE),
        (vec![propagated(block)], RouteEntry::UNUSABLE),
    ] {
        check(&routes, &lists, &[(block, selected)]);
        let reversed: Vec<_> = routes.into_iter().rev().collect();
        check(&reversed, &lists, &[(block, selected)]);
    }
}

#[test]
fn a_propagated_route_inside_a_local_one_is_unusable_however_long_it_is() {
    check(
        &[
            propagated("10.0.9.0/24"),
            propagated("10.0.0.0/16"),
            propagated("2001:db8:a:9::/64"),
            propagated("10.0.0.0/8"),
        ],
        &[],
        &[("10.0.0.0/8", RouteEntry::UNUSABLE)],
    );
}

#[test]
fn a_local_route_may_lead_to_a_middlebox() {
    let plan = plan_of(|resources| {
        resources.route_tables[0].routes.make_mut()[0].target = middlebox();
        resources.route_tables[0]
            .routes
            .make_mut()
            .push(propagated("10.0.9.0/24"));
    });
    assert_eq!(
        rows_of(&plan),
        [("10.0.0.0/16".into(), MIDDLEBOX), ("2001:db8:a::/56".into(), LOCAL)]
    );
}
