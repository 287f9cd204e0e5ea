//! Load balancers and the network interfaces of nodes and endpoints: what is derived of them, and what is adopted.

use super::*;

#[test]
fn a_load_balancer_says_what_aws_would_say() {
    let resolved = lab(&[
        ("    Scheme: internal\n", ""),
        (
            "vpcs:\n",
            "internet_gateways: { door: { Attachments: [{ VpcId: provider }] } }\nvpcs:\n",
        ),
    ]);
    let all = &resolved.resources;
    let balancer = balancer(&resolved);
    assert_eq!(balancer.scheme.as_deref(), Some("internet-facing"));
    assert_eq!(balancer.ip_address_type.as_deref(), Some("ipv4"));
    let state = balancer.state.as_ref().and_then(|state| state.code.as_deref());
    assert_eq!(state, Some("active"));
    let id = balancer.load_balancer_arn.rsplit('/').next().expect("an id");
    let name = format!("web-{id}.elb.us-east-1.amazonaws.com");
    assert_eq!(balancer.dns_name, Some(name));
    let provider = named(&all.vpcs, "provider", |vpc| &vpc.name);
    assert_eq!(balancer.vpc_id.as_ref(), Some(&provider.vpc_id));
    let zones: Vec<_> = balancer
        .availability_zones
        .iter()
        .filter_map(|zone| zone.zone_name.as_deref())
        .collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);
    let arns: Vec<_> = all.target_groups[0].load_balancer_arns.iter().collect();
    assert_eq!(arns, [&balancer.load_balancer_arn]);
    // It faces the internet, so each node is lent an address.
    let public: Vec<_> = balancer
        .availability_zones
        .iter()
        .map(|zone| zone.load_balancer_addresses[0].ip_address)
        .collect();
    let lent: Vec<_> = all
        .nodes(balancer)
        .map(|eni| Some(eni.associations[0].public_ip))
        .collect();
    assert_eq!(public, lent);
    assert_ne!(public[0], public[1]);
    let owner = all
        .nodes(balancer)
        .next()
        .and_then(|eni| eni.associations[0].ip_owner_id.as_deref());
    assert_eq!(owner, Some("amazon"));
}

#[test]
fn a_node_is_as_aws_makes_it() {
    let resolved = lab(&[(", LoadBalancerAddresses: [{ PrivateIPv4Address: 10.0.2.50 }]", "")]);
    let (all, balancer) = (&resolved.resources, balancer(&resolved));
    let nodes: Vec<_> = all.nodes(balancer).collect();
    let node = nodes[1];
    assert_eq!(node.private_ip_addresses[0].to_string(), "10.0.2.4");
    assert_eq!(node.interface_type, InterfaceType::NetworkLoadBalancer);
    assert_eq!(node.groups, balancer.security_groups);
    assert!(node.requester_managed && !node.source_dest_check);
    let path = balancer
        .load_balancer_arn
        .split(":loadbalancer/")
        .nth(1)
        .expect("a path");
    assert_eq!(node.description, format!("ELB {path}"));
    assert!(path.starts_with("net/web/"));
}

#[test]
fn said_addresses_are_kept_for_those_who_say_them() {
    let resolved = lab(&[
        ("PrivateIPv4Address: 10.0.1.50", "PrivateIPv4Address: 10.0.1.4"),
        (
            "subnet: a, PrivateIpAddress: 10.0.1.10, groups: [web]",
            "subnet: a, groups: [web]",
        ),
        ("Target: { Id: 10.0.1.10 }", "Target: { Id: 10.0.1.5 }"),
    ]);
    assert_eq!(eni(&resolved, "web1").private_ip_addresses[0].to_string(), "10.0.1.5");
    refused(
        &[("PrivateIPv4Address: 10.0.1.50", "PrivateIPv4Address: 10.0.1.10")],
        &[(
            "InvalidIPAddress.InUse: 10.0.1.10 is instance \"web1\"'s",
            "PrivateIPv4Address: 10.0.1.10",
        )],
    );
    refused(
        &[("PrivateIPv4Address: 10.0.1.50", "PrivateIPv4Address: 10.0.2.9")],
        &[(
            "InvalidParameterValue: 10.0.2.9 isn't in the subnet's block 10.0.1.0/24",
            "10.0.2.9",
        )],
    );
    refused(
        &[("Ipv4: 10.0.1.70", "Ipv4: 10.0.1.3")],
        &[(
            "InvalidParameterValue: 10.0.1.3 is one of the five addresses of 10.0.1.0/24 that nobody may have",
            "Ipv4: 10.0.1.3",
        )],
    );
}

#[test]
fn a_network_interface_that_is_there_is_adopted() {
    let nodes = (
        "  consumer:\n",
        "    network_interfaces:\n      n: { subnet: b, PrivateIpAddress: 10.0.2.50, InterfaceType: network_load_balancer, groups: [balancer] }\n  consumer:\n",
    );
    let resolved = lab(&[nodes]);
    let node = eni(&resolved, "n");
    assert!(node.requester_managed && !node.source_dest_check);
    assert_eq!(resolved.resources.nodes(balancer(&resolved)).nth(1), Some(node));
    let own = (
        "\nload_balancers:",
        "    network_interfaces:\n      e: { subnet: a, InterfaceType: vpc_endpoint, groups: [endpoint] }\nload_balancers:",
    );
    let names = (
        "SubnetConfigurations: [{ SubnetId: consumer/a, Ipv4: 10.0.1.70 }]",
        "SubnetIds: [consumer/a]\n    NetworkInterfaceIds: [e]",
    );
    let resolved = lab(&[own, names]);
    assert_eq!(
        endpoint(&resolved).network_interface_ids,
        [eni(&resolved, "e").network_interface_id.clone()]
    );
    refused(
        &[
            (own.0, &*own.1.replace("groups: [endpoint]", "groups: [client]")),
            names,
        ],
        &[(
            "InvalidParameterValue: \"e\" is in other security groups than VPC endpoint \"web\"",
            "SubnetIds",
        )],
    );
    refused(
        &[(own.0, &*own.1.replace("InterfaceType: vpc_endpoint, ", "")), names],
        &[(
            "InvalidParameterValue: \"e\" isn't a network interface of a VPC endpoint",
            "SubnetIds",
        )],
    );
    refused(
        &[names],
        &[(
            "InvalidNetworkInterfaceID.NotFound: there is no network interface \"e\"",
            "NetworkInterfaceIds",
        )],
    );
    refused(
        &[(names.0, "SubnetIds: [consumer/a]\n    NetworkInterfaceIds: [client]")],
        &[(
            "InvalidParameterValue: \"client\" isn't a network interface of a VPC endpoint",
            "SubnetIds",
        )],
    );
}

#[test]
fn elastic_ips_are_nodes_public_addresses() {
    let facing = [
        ("    Scheme: internal\n", "    Scheme: internet-facing\n"),
        (
            "vpcs:\n",
            "addresses: { front: { PublicIp: 203.0.113.9 } }\ninternet_gateways: { door: { Attachments: [{ VpcId: provider }] } }\nvpcs:\n",
        ),
        (
            "{ PrivateIPv4Address: 10.0.1.50 }",
            "{ PrivateIPv4Address: 10.0.1.50, AllocationId: front }",
        ),
    ];
    let resolved = lab(&facing);
    let all = &resolved.resources;
    let zone = &balancer(&resolved).availability_zones[0].load_balancer_addresses[0];
    assert_eq!(zone.ip_address.map(|ip| ip.to_string()).as_deref(), Some("203.0.113.9"));
    let node = all.nodes(balancer(&resolved)).next().expect("a node");
    assert_eq!(
        all.addresses[0].network_interface_id.as_ref(),
        Some(&node.network_interface_id)
    );
    let [internal, gateway, address] = facing;
    refused(
        &[gateway, address],
        &[(
            "InvalidConfigurationRequest: an internal load balancer has no public addresses",
            "AllocationId: front",
        )],
    );
    let without = gateway.1.replace(
        "internet_gateways: { door: { Attachments: [{ VpcId: provider }] } }\n",
        "",
    );
    refused(
        &[internal, (gateway.0, &without), address],
        &[("InvalidSubnet: VPC \"provider\" has no internet gateway", "Scheme")],
    );
    refused(
        &[internal, gateway, (address.0, &address.1.replace("front", "back"))],
        &[(
            "InvalidAllocationID.NotFound: there is no Elastic IP \"back\"",
            "AllocationId: back",
        )],
    );
    let twice = (
        "{ PrivateIPv4Address: 10.0.2.50 }",
        "{ PrivateIPv4Address: 10.0.2.50, AllocationId: front }",
    );
    refused(
        &[internal, gateway, address, twice],
        &[(
            "Resource.AlreadyAssociated: Elastic IP \"front\" is \"web-us-east-1a\"'s already",
            "10.0.2.50",
        )],
    );
}
