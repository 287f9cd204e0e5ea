//! The server as whoever connects sees it, without an engine behind it.

use super::report::Report;
use super::routes::routes;
use super::server::serve;
use super::socket::{Socket, SocketError};
use super::worker::Worker;
use super::{BODIES, LISTENERS, Shared};
use crate::api::client::{Client, Error};
use crate::api::{ApplyRequest, Code, MAX_BODY, Source};
use crate::health::Board;
use crate::install::{EngineOptions, LoadOptions};
use proptest::prelude::*;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// A server in a directory of its own, whose engine never comes about, since its directory is none.
struct Served {
    directory: PathBuf,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn new(test: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("groundplane-agent-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let (stop, stopping) = watch::channel(false);
        let socket = directory.join("run/api.sock");
        let (path, state_dir) = (socket.clone(), PathBuf::from("/dev/null/state"));
        let (tell, bound) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let socket = Socket::bind(&path, None).unwrap();
                tell.send(()).unwrap();
                serve(socket, routes(shared(&state_dir, &stopping)), stopping).await;
            });
        });
        bound.recv().unwrap();
        Self {
            directory,
            stop,
            thread: Some(thread),
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("run/api.sock")
    }

    fn client(&self) -> Client {
        Client::find(&self.socket()).unwrap().expect("somebody listens")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        let ended = self.thread.take().map(JoinHandle::join);
        let _ = std::fs::remove_dir_all(&self.directory);
        assert!(std::thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}

fn shared(state_dir: &Path, stop: &watch::Receiver<bool>) -> Shared {
    let options = EngineOptions {
        state_dir: state_dir.to_owned(),
        pins: None,
        load: LoadOptions::default(),
    };
    let (worker, _, _) = Worker::start(options, Board::default(), Arc::new(AtomicBool::new(false))).unwrap();
    Shared {
        worker,
        report: Report::new(state_dir),
        state_dir: Arc::from(state_dir),
        network: Arc::from([]),
        listeners: Arc::new(Semaphore::new(LISTENERS)),
        bodies: Arc::new(Semaphore::new(BODIES)),
        stop: stop.clone(),
    }
}

fn code<T>(answer: Result<T, Error>) -> Code {
    match answer {
        Err(Error::Failure(failure)) => failure.code,
        Err(other) => panic!("not a failure that the agent tells: {other}"),
        Ok(_) => panic!("it was done"),
    }
}

#[test]
fn every_failure_is_an_object_with_a_code() {
    let served = Served::new("failures");
    let client = served.client();
    assert_eq!(code(client.get::<Value>("/v1/nothing")), Code::NotFound);
    assert_eq!(code(client.get::<Value>("/v1/apply")), Code::MethodNotAllowed);
    assert_eq!(code(client.get::<Value>("/v1/flows?colour=red")), Code::BadRequest);
    assert_eq!(
        code(client.get::<Value>("/v1/events?reason=Nonsense")),
        Code::BadRequest
    );
    assert_eq!(code(client.post::<Value>("/v1/apply", &"sources")), Code::BadRequest);
    let engine_gone = client.follow::<Value>("/v1/apply", &ApplyRequest::default(), |_, _| ());
    assert_eq!(code(engine_gone), Code::Unavailable);
}

#[test]
fn a_request_that_is_too_large_is_refused() {
    let served = Served::new("large");
    let request = ApplyRequest {
        sources: vec![Source {
            name: "large".to_owned(),
            text: "#".repeat(MAX_BODY),
        }],
        ..ApplyRequest::default()
    };
    assert_eq!(
        code(served.client().post::<Value>("/v1/apply", &request)),
        Code::TooLarge
    );
}

#[test]
fn a_socket_has_one_agent_and_one_that_is_left_over_is_replaced() {
    let served = Served::new("taken");
    let socket = served.socket();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _context = runtime.enter();
    assert!(matches!(Socket::bind(&socket, None), Err(SocketError::Taken(_))));
    // What a killed agent leaves: a file that nobody listens at, and no lock.
    let left = served.directory.join("left.sock");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    assert!(Client::find(&left).unwrap().is_none());
    let bound = Socket::bind(&left, None).unwrap();
    assert!(Client::find(&left).unwrap().is_some());
    drop(bound);
    assert!(!left.exists() && Client::find(&left).unwrap().is_none());
    let unknown = Socket::bind(&left, Some("no-such-group-here"));
    assert!(matches!(unknown, Err(SocketError::NoGroup(_))));
}

/// Bytes that are nearly a request, or nothing like one.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let line = (
        "(GET|POST|PUT|G ET|)",
        "( |)/(v1|v2|)/(apply|flows|plan|%ff|\\?eni=a|)",
        "( HTTP/1.1| HTTP/9|)\r\n",
    )
        .prop_map(|(method, path, version)| format!("{method} {path}{version}").into_bytes());
    let header =
        "(Content-Length: (5|-1|99999999999999999999|x)|Transfer-Encoding: chunked|Host: x|A: [ -~]{0,30}|)\r\n";
    let body = prop_oneof![
        Just(b"{}".to_vec()),
        Just(b"{\"sources\": [[[[".to_vec()),
        Just(b"5\r\n{\"sou\r\nfff".to_vec()),
        prop::collection::vec(any::<u8>(), 0..200),
    ];
    let request = (line, prop::collection::vec(header, 0..5), body)
        .prop_map(|(line, headers, body)| [line, headers.concat().into_bytes(), b"\r\n".to_vec(), body].concat());
    prop_oneof![4 => request, 1 => prop::collection::vec(any::<u8>(), 0..500)]
}

#[test]
fn whatever_is_sent_the_next_one_is_answered() {
    let served = Served::new("garbage");
    let client = served.client();
    let cases = ProptestConfig::with_cases(300);
    proptest!(cases, |(bytes in garbage())| {
        let mut stream = UnixStream::connect(served.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // The server may hang up at any byte.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        prop_assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&answer));
        prop_assert_eq!(code(client.get::<Value>("/v1/nothing")), Code::NotFound);
    });
}
