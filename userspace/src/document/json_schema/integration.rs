//! Integrations.

use super::word::{list, number, object, word};
use crate::document::integration::{CONNECTIONS, MOST_CONNECTIONS};
use serde_json::{Value, json};

pub(super) fn schema() -> Value {
    let connections = format!("How many connections there may be at a time; {CONNECTIONS} unless it is said.");
    let mut schema = object(
        &[
            ("vpc_link", word("A VPC link of either kind, by its name or id.")),
            ("listener", word("A load balancer's listener, by its name or ARN.")),
            ("address", word("An IPv4 address and a port.")),
            (
                "instances",
                list(
                    "The instances that are registered with a service.",
                    &word("An IPv4 address and a port."),
                ),
            ),
            (
                "listen",
                word("A loopback address and a port, or the path of a socket."),
            ),
            ("connections", number(&connections, 1, i64::from(MOST_CONNECTIONS))),
        ],
        &["vpc_link", "listen"],
    );
    let ways = ["listener", "address", "instances"].map(|name| json!({ "required": [name] }));
    schema["oneOf"] = json!(ways);
    schema
}
