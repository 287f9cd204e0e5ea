//! What the agent is told in its own file: where things are, who may ask it, and how large tables are.

use crate::api;
use crate::install::store;
use crate::simulate::Capacity;
use clap::ValueEnum;
use groundplane_abi::map;
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};

/// Where the configuration is looked for if nobody says where. Nothing there: the defaults.
pub const DEFAULT_PATH: &str = "/etc/groundplane/config.toml";

/// The agent's configuration, as its file has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Documents, and directories of them. None: what was in force last is put in force.
    pub network: Vec<PathBuf>,
    pub state_dir: PathBuf,
    /// Where programs and tables are pinned; if not said, where they are, else the usual place.
    pub pin_dir: Option<PathBuf>,
    pub socket: PathBuf,
    /// A group whose members may ask as well, and that the socket is given to.
    pub group: Option<String>,
    pub log: Log,
    pub tables: Tables,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How many entries tables have. They count when the tables are made; ones that are pinned stay as large as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tables {
    pub ipv4: FamilyTables,
    pub ipv6: FamilyTables,
}

/// The tables of one family. What isn't said is as the programs have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FamilyTables {
    /// Connections that are open at the same time.
    pub connections: Option<Entries>,
    /// First packets that wait for an answer.
    pub half_open: Option<Entries>,
    pub addresses: Option<Entries>,
    pub routes: Option<Entries>,
}

/// A number of entries that a table can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Entries(u32);

/// Tables are made with room for all of their entries: more would take a host's memory at once.
const MOST_ENTRIES: u32 = 1 << 24;
/// The kernel keeps some entries of its least-recently-used tables to each core, and needs that many.
const FEWEST_ENTRIES: u32 = 1 << 10;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("can't read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    /// With the place and the line, as the reader shows it.
    #[error("{}: {told}", path.display())]
    Wrong { path: PathBuf, told: String },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            network: Vec::new(),
            state_dir: PathBuf::from(store::DEFAULT_DIRECTORY),
            pin_dir: None,
            socket: PathBuf::from(api::DEFAULT_SOCKET),
            group: None,
            log: Log::default(),
            tables: Tables::default(),
        }
    }
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
        Self::parse(&text).map_err(|told| ConfigError::Wrong {
            path: path.to_owned(),
            told,
        })
    }

    /// The file where one is usually, or the defaults if there is none.
    pub fn read_default() -> Result<Self, ConfigError> {
        match Self::read(Path::new(DEFAULT_PATH)) {
            Err(ConfigError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            other => other,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        // A service runs in no directory that anybody would think of.
        if let Some(path) = config.paths().find(|path| path.is_relative()) {
            return Err(format!("{} is no absolute path", path.display()));
        }
        Ok(config)
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let paths = [&self.state_dir, &self.socket].into_iter();
        paths.chain(&self.pin_dir).chain(&self.network)
    }
}

impl TryFrom<u32> for Entries {
    type Error = String;

    fn try_from(entries: u32) -> Result<Self, String> {
        if (FEWEST_ENTRIES..=MOST_ENTRIES).contains(&entries) {
            Ok(Self(entries))
        } else {
            Err(format!(
                "{entries} entries; a table has {FEWEST_ENTRIES} to {MOST_ENTRIES}"
            ))
        }
    }
}

impl Tables {
    /// The same by the names that the tables have in the kernel.
    #[must_use]
    pub fn capacities(&self) -> Vec<(&'static str, u32)> {
        use map::{ip4, ip6};
        let names4 = [
            ip4::FLOWS,
            ip4::RING,
            ip4::BINDINGS,
            ip4::BINDING_COUNTS,
            ip4::EMBRYOS,
            ip4::ADDRESSES,
            ip4::ROUTES,
        ];
        let names6 = [
            ip6::FLOWS,
            ip6::RING,
            ip6::BINDINGS,
            ip6::BINDING_COUNTS,
            ip6::EMBRYOS,
            ip6::ADDRESSES,
            ip6::ROUTES,
        ];
        let families = [(self.ipv4, names4), (self.ipv6, names6)];
        families
            .into_iter()
            .flat_map(|(tables, names)| tables.of(names))
            .collect()
    }
}

/// Rows of mappings, however few connections there may be: one NAT gateway's address has 55,000 to a destination.
const FEWEST_BINDINGS: u32 = 131_072;

impl FamilyTables {
    fn of(self, names: [&'static str; 7]) -> impl Iterator<Item = (&'static str, u32)> {
        // A connection is two entries, and the ring that lists connections fits the table.
        let flows = self
            .connections
            .map(|Entries(connections)| connections.saturating_mul(2));
        let ring = flows.map(|flows| Capacity { flows, embryos: 0 }.ring_slots());
        // Any of them may pass a NAT gateway or a load balancer, which has two rows of it; a few pass two.
        let bindings = flows.map(|flows| flows.max(FEWEST_BINDINGS));
        let entries = |entries: Option<Entries>| entries.map(|Entries(number)| number);
        let sizes = [
            flows,
            ring,
            bindings,
            bindings.map(|bindings| bindings / 2),
            entries(self.half_open),
            entries(self.addresses),
            entries(self.routes),
        ];
        names
            .into_iter()
            .zip(sizes)
            .filter_map(|(name, size)| Some((name, size?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_says_the_same_as_none() {
        assert_eq!(Config::parse(""), Ok(Config::default()));
    }

    #[test]
    fn everything_can_be_said() {
        let config = Config::parse(
            r#"
            network = ["/etc/groundplane/network.d"]
            state_dir = "/srv/state"
            pin_dir = "/sys/fs/bpf/other"
            socket = "/run/other.sock"
            group = "network"
            log = { format = "json", level = "debug" }
            tables.ipv4 = { connections = 200_000, half_open = 100_000, addresses = 2_000, routes = 3_000 }
            tables.ipv6.connections = 1_024
            "#,
        )
        .expect("a configuration");
        assert_eq!(config.network, [Path::new("/etc/groundplane/network.d")]);
        assert_eq!(config.log.format, LogFormat::Json);
        assert_eq!(
            config.tables.capacities(),
            [
                ("FLOWS4", 400_000),
                ("RING4", 450_008),
                ("BINDINGS4", 400_000),
                ("BINDING_COUNTS4", 200_000),
                ("EMBRYOS4", 100_000),
                ("ADDRESSES4", 2_000),
                ("ROUTES4", 3_000),
                ("FLOWS6", 2_048),
                ("RING6", 2_312),
                ("BINDINGS6", 131_072),
                ("BINDING_COUNTS6", 65_536),
            ]
        );
    }

    #[test]
    fn a_path_that_depends_on_where_the_agent_runs_is_refused() {
        for text in [
            "network = [\"/etc\", \"network.d\"]",
            "socket = \"api.sock\"",
            "pin_dir = \"pins\"",
        ] {
            let told = Config::parse(text).expect_err(text);
            assert!(told.contains("no absolute path"), "{told}");
        }
    }

    #[test]
    fn what_nobody_knows_or_a_table_cannot_have_is_refused_with_its_line() {
        for (text, word) in [
            ("network = []\nsocet = \"/run/x\"", "socet"),
            ("log.format = \"xml\"", "xml"),
            ("tables.ipv4.connections = 10", "10 entries"),
            ("tables.ipv4.connections = 4_000_000_000", "4000000000 entries"),
            ("network = [", "line 1"),
        ] {
            let told = Config::parse(text).expect_err(text);
            assert!(told.contains("line") && told.contains(word), "{told}");
        }
    }
}
