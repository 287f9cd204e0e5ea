//! The command line's side of the socket. Calls wait for their answer.

use super::{Code, Failed, Failure, Line};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

/// A line longer than this isn't one of the agent's.
const MAX_LINE: usize = 64 << 20;

/// How long the agent may take to accept a connection: it does nothing else meanwhile.
const CONNECT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("an agent may be running, but its socket {} can't be opened: {error}", socket.display())]
    Socket { socket: PathBuf, error: io::Error },
    #[error("the agent can't be asked: {0}")]
    Transport(String),
    #[error("the agent's answer can't be understood: {0}")]
    Answer(String),
    /// The agent says why it didn't do it.
    #[error("{0}")]
    Failure(Box<Failure>),
}

pub type Result<T> = std::result::Result<T, Error>;

/// An agent that listens. Each request has a connection of its own.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    runtime: Runtime,
}

impl Client {
    /// The agent at a socket, if there is one that answers.
    pub fn find(socket: &Path) -> Result<Option<Self>> {
        let refused = |error| Error::Socket {
            socket: socket.to_owned(),
            error,
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(refused)?;
        match runtime.block_on(open(socket)) {
            Ok(_) => Ok(Some(Self {
                socket: socket.to_owned(),
                runtime,
            })),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(refused(error)),
        }
    }

    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks, and reads the answer as JSON.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        read(&self.collect(self.request(Method::GET, path, "application/json", Bytes::new())?)?)
    }

    /// Asks for the answer as people read it.
    pub fn text(&self, path: &str) -> Result<String> {
        let bytes = self.collect(self.request(Method::GET, path, "text/plain", Bytes::new())?)?;
        String::from_utf8(bytes.into()).map_err(|error| Error::Answer(error.to_string()))
    }

    /// Sends a request, and reads the answer as JSON.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        read(&self.collect(self.request(Method::POST, path, "application/json", json(body)?)?)?)
    }

    /// Sends a request whose answer is told step by step, and returns what came of it.
    pub fn follow<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        mut progress: impl FnMut(&str, Option<(usize, usize)>),
    ) -> Result<T> {
        let request = self.request(Method::POST, path, "application/json", json(body)?)?;
        let mut last = None;
        self.lines(request, |line| {
            match read(line)? {
                Line::Progress { step, done, all } => progress(&step, done.zip(all)),
                Line::Result(value) => last = Some(Ok(value)),
                Line::Error(failure) => last = Some(Err(Error::Failure(Box::new(failure)))),
            }
            Ok(last.is_none())
        })?;
        let value = last.ok_or_else(|| Error::Answer("it ended before there was a result".to_owned()))??;
        serde_json::from_value(value).map_err(|error| Error::Answer(error.to_string()))
    }

    /// Reads an answer line by line, as long as `on_line` wants more.
    pub fn listen<T: DeserializeOwned>(&self, path: &str, mut on_line: impl FnMut(T) -> bool) -> Result<()> {
        let request = self.request(Method::GET, path, "application/json", Bytes::new())?;
        self.lines(request, |line| Ok(on_line(read(line)?)))
    }

    fn request(&self, method: Method, path: &str, accept: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| Error::Transport(error.to_string()))
    }

    fn collect(&self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        self.runtime.block_on(async {
            let answer = self.send(request).await?;
            answer
                .into_body()
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes)
                .map_err(transport)
        })
    }

    fn lines(&self, request: Request<Full<Bytes>>, mut on_line: impl FnMut(&[u8]) -> Result<bool>) -> Result<()> {
        self.runtime.block_on(async {
            let mut body = self.send(request).await?.into_body();
            let mut pending = Vec::new();
            while let Some(frame) = body.frame().await {
                let Ok(bytes) = frame.map_err(transport)?.into_data() else {
                    continue;
                };
                pending.extend_from_slice(&bytes);
                while let Some(end) = pending.iter().position(|&byte| byte == b'\n') {
                    let line: Vec<u8> = pending.drain(..=end).collect();
                    if !on_line(&line)? {
                        return Ok(());
                    }
                }
                if pending.len() > MAX_LINE {
                    return Err(Error::Answer("a line doesn't end".to_owned()));
                }
            }
            Ok(())
        })
    }

    /// The answer, if it is a good one.
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        let stream = open(&self.socket).await.map_err(|error| Error::Socket {
            socket: self.socket.clone(),
            error,
        })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(transport)?;
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(transport)?;
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(transport)?.to_bytes();
        let failure = serde_json::from_slice(&body).map_or_else(
            |_| Failure::new(Code::Failed, format!("the agent answered {status}")),
            |Failed { error }| error,
        );
        Err(Error::Failure(Box::new(failure)))
    }
}

async fn open(socket: &Path) -> io::Result<UnixStream> {
    tokio::time::timeout(CONNECT, UnixStream::connect(socket))
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}

fn json(body: &impl Serialize) -> Result<Bytes> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| Error::Transport(error.to_string()))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::Answer(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn transport(error: hyper::Error) -> Error {
    let cause = std::error::Error::source(&error);
    Error::Transport(cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")))
}
