//! A thread that lives in an annex: whatever sockets it makes are of that namespace, which it never leaves.

use crate::install::annex::AnnexState;
use crate::install::error::{Error, Result};
use crate::install::netns::{self, Identity};
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io;
use tokio::runtime::Builder;
use tokio::sync::watch;

/// Whoever tells such a thread what it is to do, if there is one.
#[derive(Debug)]
pub(crate) struct Resident<T>(Option<Told<T>>);

/// It ends when nobody can tell it anything any more.
#[derive(Debug)]
struct Told<T> {
    inside: Identity,
    tell: watch::Sender<T>,
}

impl<T> Default for Resident<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + Sync + 'static> Resident<T> {
    /// Tells it this; one that isn't there, lives elsewhere, or has ended is replaced. Without an annex that is made,
    /// or anything to tell, there is none from now on.
    pub(crate) fn tell<F: Future<Output = ()>>(
        &mut self,
        name: &'static str,
        annex: Option<&AnnexState>,
        what: Option<T>,
        live: impl FnOnce(watch::Receiver<T>) -> F + Send + 'static,
    ) -> Result<()> {
        let there = self.0.take();
        let made = annex.and_then(|annex| Some((annex, annex.identity?)));
        let (Some((annex, inside)), Some(mut what)) = (made, what) else {
            return Ok(());
        };
        if let Some(told) = there.filter(|told| told.inside == inside) {
            match told.tell.send(what) {
                Ok(()) => {
                    self.0 = Some(told);
                    return Ok(());
                }
                Err(watch::error::SendError(untold)) => what = untold,
            }
        }
        let namespace = netns::open(&annex.namespace)?;
        let (tell, told) = watch::channel(what);
        let thread = std::thread::Builder::new().name(name.to_owned());
        let started = thread.spawn(move || {
            if let Err(error) = reside(&namespace, live(told)) {
                tracing::error!(thread = name, %error, "a thread can't live in its namespace");
            }
        });
        started.map_err(|error| Error::Io {
            what: "start a thread".to_owned(),
            error,
        })?;
        self.0 = Some(Told { inside, tell });
        Ok(())
    }

    /// Whether there was one that has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.as_ref().is_some_and(|told| told.tell.is_closed())
    }
}

fn reside(namespace: &File, life: impl Future<Output = ()>) -> io::Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(life);
    Ok(())
}
