//! API Gateway's VPC links (semantics 17), which its two APIs write differently.

use super::noun;

noun! {
    /// Of HTTP APIs: ENIs in one's own subnets.
    pub struct VpcLink {
        vpc_link_id: String,
        #[serde(rename = "Name")]
        label: Option<String>,
        subnet_ids: Vec<String>,
        security_group_ids: Vec<String>,
        created_date: Option<String>,
        /// `PENDING`, `AVAILABLE`, `DELETING`, `FAILED` or `INACTIVE`.
        vpc_link_status: Option<String>,
        vpc_link_status_message: Option<String>,
        /// `V2`.
        vpc_link_version: Option<String>,
    }
}

noun! {
    camelCase
    /// Of REST APIs: a hidden endpoint service in front of a network load balancer.
    pub struct RestVpcLink {
        id: String,
        #[serde(rename = "name")]
        label: Option<String>,
        description: Option<String>,
        /// The one load balancer.
        target_arns: Vec<String>,
        /// `AVAILABLE`, `PENDING`, `DELETING` or `FAILED`.
        status: Option<String>,
        status_message: Option<String>,
    }
}
