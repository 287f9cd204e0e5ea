//! An agent on a lab's host, and what it tells systemd, whose part the lab plays.

use super::{Lab, eventually};
use anyhow::{Context, Result, ensure};
use groundplane::api::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A running agent, killed when it is dropped.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    told: Arc<Mutex<Vec<String>>>,
    socket: PathBuf,
    log: PathBuf,
}

impl Lab {
    /// Where this lab's agent listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir().join("run/api.sock")
    }

    /// Starts an agent with these arguments and waits until the configuration is in force.
    pub fn agent(&self, args: &[&str]) -> Result<Agent> {
        self.agent_as(&[], &[], args)
    }

    /// The same by way of another program that becomes the agent, and with these variables.
    pub fn agent_as(&self, through: &[&str], variables: &[(&str, &str)], args: &[&str]) -> Result<Agent> {
        let mut agent = self.begin_agent(through, variables, args)?;
        agent.hear("READY=1")?;
        Ok(agent)
    }

    /// Starts an agent and doesn't wait.
    pub fn begin_agent(&self, through: &[&str], variables: &[(&str, &str)], args: &[&str]) -> Result<Agent> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (notify, log) = (
            self.dir().join(format!("notify-{number}")),
            self.dir().join(format!("log-{number}")),
        );
        let told = listen(&UnixDatagram::bind(&notify)?)?;
        let mut command = self.through(through, &[&["agent"], args].concat())?;
        command
            .arg("--pin-dir")
            .arg(self.pin_dir())
            .arg("--socket")
            .arg(self.socket());
        command.env("NOTIFY_SOCKET", &notify).envs(variables.iter().copied());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        Ok(Agent {
            child,
            told,
            socket: self.socket(),
            log,
        })
    }
}

impl Agent {
    /// Waits until systemd is told something, and forgets what it was told before.
    pub fn hear(&mut self, word: &str) -> Result<()> {
        let heard = eventually(|| {
            let ended = self.child.try_wait()?.is_some();
            let mut told = self.told();
            let at = told.iter().position(|told| told == word);
            if let Some(at) = at {
                told.drain(..=at);
            }
            ensure!(at.is_some() || !ended, "the agent has ended");
            Ok(at.is_some())
        });
        heard.with_context(|| format!("systemd isn't told {word}: {:?}\n{}", self.told(), self.log()))
    }

    /// How often systemd was told something that [`Self::hear`] hasn't passed yet.
    #[must_use]
    pub fn count(&self, word: &str) -> usize {
        self.told().iter().filter(|told| *told == word).count()
    }

    fn told(&self) -> MutexGuard<'_, Vec<String>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it has told of itself so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn client(&self) -> Result<Client> {
        Client::find(&self.socket)?.context("the agent doesn't listen")
    }

    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?)
    }

    /// Kills it as nobody can prevent.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends it as systemd does.
    pub fn stop(self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let status = self.ended()?;
        ensure!(status.success(), "the agent ended with {status}");
        Ok(())
    }

    /// Waits for it to end.
    pub fn ended(mut self) -> Result<ExitStatus> {
        let mut ended = None;
        let waited = eventually(|| {
            ended = self.child.try_wait()?;
            Ok(ended.is_some())
        });
        waited.with_context(|| format!("the agent doesn't end\n{}", self.log()))?;
        ended.context("it has ended")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Tests that go well are quiet; of one that doesn't, this is shown.
        println!("the agent told:\n{}", self.log());
        // An error means that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Takes down what systemd is told, line by line. It listens always, as systemd does: who tells it something waits
/// until it has listened.
fn listen(notified: &UnixDatagram) -> Result<Arc<Mutex<Vec<String>>>> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (notified, heard) = (notified.try_clone()?, Arc::downgrade(&told));
    notified.set_read_timeout(Some(Duration::from_millis(100)))?;
    std::thread::spawn(move || {
        let mut datagram = [0; 4096];
        while let Some(told) = heard.upgrade() {
            let length = notified.recv(&mut datagram).unwrap_or(0);
            let text = String::from_utf8_lossy(datagram.get(..length).unwrap_or_default()).into_owned();
            told.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(text.lines().map(str::to_owned));
        }
    });
    Ok(told)
}
