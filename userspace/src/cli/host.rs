//! Who changes the host: the agent, if its socket answers, else this process itself.

use super::exit::Stop;
use super::progress::Bar;
use groundplane::api::{self, ApplyRequest, Client, PlanRequest, RollbackRequest};
use groundplane::document::{Diagnostics, Source};
use groundplane::install::store::DEFAULT_DIRECTORY;
use groundplane::install::{ApplyOptions, Candidate, Engine, EngineOptions, LoadOptions, Progress as _};
use groundplane::object::object;
use groundplane::preview::Preview;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct HostArguments {
    /// Where programs and tables are pinned, on a BPF file system
    #[arg(long, value_name = "DIRECTORY", value_parser = super::absolute)]
    pub(super) pin_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) socket: SocketArguments,
}

#[derive(Debug, clap::Args)]
pub(super) struct SocketArguments {
    /// Where the agent listens; by default /run/groundplane/api.sock, unless --state-dir names another deployment than
    /// the host's own
    #[arg(long, value_name = "PATH", value_parser = super::absolute)]
    socket: Option<PathBuf>,
}

impl SocketArguments {
    /// The socket of the agent whose deployment is meant, if it can have one.
    pub(super) fn path(&self, state_dir: &Path) -> Option<PathBuf> {
        let of_the_host = state_dir == Path::new(DEFAULT_DIRECTORY);
        let default = || of_the_host.then(|| api::DEFAULT_SOCKET.into());
        self.socket.clone().or_else(default)
    }

    /// The agent, if there is one that answers. One that was asked for by its socket must.
    pub(super) fn agent(&self, state_dir: &Path) -> anyhow::Result<Option<Client>> {
        let Some(path) = self.path(state_dir) else {
            return Ok(None);
        };
        match (Client::find(&path)?, &self.socket) {
            (None, Some(_)) => anyhow::bail!("no agent listens at {}", path.display()),
            (found, _) => Ok(found),
        }
    }
}

/// The host under somebody's hand.
pub(super) enum Host {
    Agent(Client),
    Own(Box<Engine>),
}

/// What a configuration would change, and what is odd about it.
pub(super) struct Planned {
    pub(super) preview: Preview,
    pub(super) warnings: Warnings,
}

/// Warnings as they are, or as the agent tells of them.
pub(super) enum Warnings {
    Own(Diagnostics),
    Told(Value),
}

impl Host {
    pub(super) fn open(arguments: &HostArguments, state_dir: &Path, bar: &Bar) -> anyhow::Result<Self> {
        if let Some(agent) = arguments.socket.agent(state_dir)? {
            return Ok(Self::Agent(agent));
        }
        let options = EngineOptions {
            state_dir: state_dir.to_owned(),
            pins: arguments.pin_dir.clone(),
            load: LoadOptions {
                object: object()?,
                ..LoadOptions::default()
            },
        };
        let (engine, _) = Engine::open(options, bar)?;
        Ok(Self::Own(Box::new(engine)))
    }

    pub(super) fn plan(&mut self, sources: Vec<Source>, strict: bool, named: usize) -> Result<Planned, Stop> {
        match self {
            Self::Agent(agent) => {
                #[derive(Deserialize)]
                struct Told {
                    #[serde(flatten)]
                    preview: Preview,
                    warnings: Value,
                }
                let request = PlanRequest {
                    sources: texts(sources),
                    strict,
                    named,
                };
                let Told { preview, warnings } = agent.post("/v1/plan", &request)?;
                let warnings = Warnings::Told(warnings);
                Ok(Planned { preview, warnings })
            }
            Self::Own(engine) => {
                let candidate = read(engine, sources, strict)?;
                let preview = engine.plan(&candidate, named)?;
                let warnings = Warnings::Own(candidate.warnings);
                Ok(Planned { preview, warnings })
            }
        }
    }

    /// What came of it, as the commands print it.
    pub(super) fn apply(
        &mut self,
        sources: Vec<Source>,
        strict: bool,
        cut: bool,
        bar: &Bar,
    ) -> Result<(Value, Warnings), Stop> {
        match self {
            Self::Agent(agent) => {
                let sources = texts(sources);
                let request = ApplyRequest { sources, strict, cut };
                let mut told: Value = agent.follow("/v1/apply", &request, |step, counted| show(bar, step, counted))?;
                let warnings = told.as_object_mut().and_then(|told| told.remove("warnings"));
                Ok((told, Warnings::Told(warnings.unwrap_or_default())))
            }
            Self::Own(engine) => {
                let candidate = read(engine, sources, strict)?;
                let warnings = candidate.warnings.clone();
                let outcome = engine.apply(candidate, ApplyOptions { cut }, bar)?;
                Ok((json!(outcome), Warnings::Own(warnings)))
            }
        }
    }

    pub(super) fn rollback(&mut self, cut: bool, bar: &Bar) -> Result<Value, Stop> {
        match self {
            Self::Agent(agent) => {
                let show = |step: &str, counted: Option<(usize, usize)>| show(bar, step, counted);
                Ok(agent.follow("/v1/rollback", &RollbackRequest { cut }, show)?)
            }
            Self::Own(engine) => Ok(json!(engine.rollback(ApplyOptions { cut }, bar)?)),
        }
    }
}

/// What the agent says of its work.
pub(super) fn show(bar: &Bar, step: &str, counted: Option<(usize, usize)>) {
    match counted {
        Some((done, all)) => bar.counted(done, all),
        None => bar.step(step),
    }
}

/// Documents as the agent takes them. What is no text is refused there as here.
fn texts(sources: Vec<Source>) -> Vec<api::Source> {
    let text = |source: Source| api::Source {
        text: String::from_utf8_lossy(&source.bytes).into_owned(),
        name: source.name,
    };
    sources.into_iter().map(text).collect()
}

fn read(engine: &mut Engine, sources: Vec<Source>, strict: bool) -> Result<Candidate, Stop> {
    let candidate = engine.read(sources).map_err(Stop::refused)?;
    if strict && !candidate.warnings.problems.is_empty() {
        return Err(Stop::refused(candidate.warnings.strict()));
    }
    Ok(candidate)
}
