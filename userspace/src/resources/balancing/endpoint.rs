//! Endpoints of services, and the nodes behind them (semantics 14.3, 14.4, 16.2).

use crate::resources::wire::says;
use crate::resources::{LoadBalancer, NetworkInterface, Resources, Subnet, VpcEndpoint, VpcEndpointService};

impl VpcEndpoint {
    #[must_use]
    pub fn is_interface(&self) -> bool {
        says(self.vpc_endpoint_type.as_deref(), "Interface")
    }

    /// What says no type is a gateway endpoint, as `CreateVpcEndpoint` has it.
    #[must_use]
    pub fn is_gateway(&self) -> bool {
        self.vpc_endpoint_type.is_none() || says(self.vpc_endpoint_type.as_deref(), "Gateway")
    }

    /// Whether it has what an endpoint has, be it accepted or not. A provider can reject one, and can't delete it.
    #[must_use]
    pub fn is_there(&self) -> bool {
        const GONE: [&str; 4] = ["deleting", "deleted", "failed", "expired"];
        !GONE.iter().any(|state| says(self.state.as_deref(), state))
    }

    /// Whether packets pass.
    #[must_use]
    pub fn is_available(&self) -> bool {
        says(self.state.as_deref(), "available")
    }
}

impl VpcEndpointService {
    /// Whether an account may make endpoints of it: the owner's own, or one of whom it allows somebody (semantics
    /// 14.3).
    #[must_use]
    pub fn allows(&self, account: &str, owner: &str) -> bool {
        let principals = self.allowed_principals.iter();
        let mut principals = principals.filter_map(|one| one.principal.as_deref());
        account == owner || principals.any(|principal| principal == "*" || principal.split(':').any(|it| it == account))
    }
}

impl Resources {
    /// The service of the configuration that an endpoint is of.
    #[must_use]
    pub fn service(&self, endpoint: &VpcEndpoint) -> Option<&VpcEndpointService> {
        let name = endpoint.service_name.as_deref()?;
        let is_it = |service: &&VpcEndpointService| {
            service.service_name.as_deref() == Some(name) || name.ends_with(&*service.service_id)
        };
        self.vpc_endpoint_services.iter().find(is_it)
    }

    /// The load balancers of a service that are there, in the order it has them.
    pub fn balancers_of<'a>(&'a self, service: &'a VpcEndpointService) -> impl Iterator<Item = &'a LoadBalancer> {
        let balancer = |arn: &String| self.load_balancers.iter().find(|one| one.load_balancer_arn == *arn);
        let all = service.load_balancer_arns().iter().filter_map(balancer);
        all.filter(|one| one.is_there())
    }

    /// The ENIs of an endpoint, in the order of its subnets.
    pub fn interfaces_of<'a>(&'a self, endpoint: &'a VpcEndpoint) -> impl Iterator<Item = &'a NetworkInterface> {
        let ids = endpoint.network_interface_ids.iter();
        ids.filter_map(|id| {
            self.network_interfaces
                .iter()
                .find(|eni| eni.network_interface_id == *id)
        })
    }

    /// The endpoint that an ENI is of.
    #[must_use]
    pub fn endpoint_of(&self, eni: &NetworkInterface) -> Option<&VpcEndpoint> {
        let is_its = |one: &&VpcEndpoint| one.network_interface_ids.contains(&eni.network_interface_id);
        self.vpc_endpoints.iter().find(is_its)
    }

    /// The node that answers for one of an endpoint's ENIs: the first of the service's that is in the same zone. An
    /// interface endpoint in another Region has none in its own zone, and takes the first there is. What a Gateway Load
    /// Balancer has answers for its own endpoints alone.
    #[must_use]
    pub fn node_behind(
        &self,
        endpoint: &VpcEndpoint,
        eni: &NetworkInterface,
    ) -> Option<(&LoadBalancer, &NetworkInterface)> {
        let service = self.service(endpoint)?;
        let zone = &self.subnet_by_id(&eni.subnet_id)?.availability_zone_id;
        let is_gateway = endpoint.is_gateway_load_balancer();
        let all = self.balancers_of(service).filter(|one| one.is_gateway() == is_gateway);
        let mut nodes = all.flat_map(|balancer| self.nodes(balancer).map(move |node| (balancer, node)));
        if !is_gateway && self.is_of_another_region(endpoint) {
            return nodes.next();
        }
        let is_near = |node: &NetworkInterface| {
            let subnet = self.subnet_by_id(&node.subnet_id);
            subnet.is_some_and(|subnet| subnet.availability_zone_id == *zone)
        };
        nodes.find(|(_, node)| is_near(node))
    }

    /// Whether an endpoint's service is in another Region, as the endpoint says or as its load balancers are.
    #[must_use]
    pub fn is_of_another_region(&self, endpoint: &VpcEndpoint) -> bool {
        let region = |vpc: Option<&str>| {
            let vpc = self.vpcs.iter().find(|one| Some(&*one.vpc_id) == vpc)?;
            Some(&*vpc.region)
        };
        let Some(own) = region(endpoint.vpc_id.as_deref()) else {
            return false;
        };
        let service = self.service(endpoint);
        let mut regions = service
            .into_iter()
            .flat_map(|service| self.balancers_of(service))
            .filter_map(|balancer| region(balancer.vpc_id.as_deref()));
        let said = endpoint.service_region.as_deref();
        said.or_else(|| regions.next()).is_some_and(|region| region != own)
    }

    fn subnet_by_id(&self, id: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.subnet_id == id)
    }
}
