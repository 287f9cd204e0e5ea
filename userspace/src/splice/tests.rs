//! Connections through a door, all in one namespace.

use super::counters::Counters;
use super::door::{Door, Settings};
use super::socket::Socket;
use crate::document::Listen;
use nix::sys::socket::{Backlog, UnixAddr, bind, listen};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// A directory of a test's own.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("groundplane-splice-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let done = tokio::time::timeout(Duration::from_secs(20), work).await;
        done.expect("it ends")
    })
}

/// A door that is attended to, and where it is.
struct Attended {
    address: SocketAddr,
    door: Arc<Door>,
    settings: watch::Sender<Settings>,
    task: JoinHandle<()>,
}

fn settings(behind: &[SocketAddr], connections: u32) -> Settings {
    Settings {
        behind: behind.into(),
        connections,
    }
}

fn attend(behind: &[SocketAddr], connections: u32, room: usize) -> Attended {
    let listen = Listen::Tcp((Ipv4Addr::LOCALHOST, 0).into());
    let (socket, _) = Socket::bind(&listen).expect("a socket");
    let Socket::Tcp(listener) = &socket else {
        panic!("{socket:?}")
    };
    let address = listener.local_addr().expect("an address");
    let (tell, told) = watch::channel(settings(behind, connections));
    let door = Arc::new(Door {
        listen,
        socket,
        settings: told,
        counters: Arc::<Counters>::default(),
    });
    let task = tokio::spawn(Arc::clone(&door).attend(Arc::new(Semaphore::new(room))));
    Attended {
        address,
        door,
        settings: tell,
        task,
    }
}

/// Listens where nobody has listened before.
async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Where nobody listens.
async fn nobody() -> SocketAddr {
    listener().await.1
}

async fn settled(door: &Door, mut is_so: impl FnMut(&super::Counted) -> bool) -> super::Counted {
    loop {
        let counted = door.counters.read();
        if is_so(&counted) {
            return counted;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn each_side_hears_the_other_to_its_end() {
    run(async {
        let (listener, behind) = listener().await;
        let attended = attend(&[behind], 8, 8);
        let mut client = TcpStream::connect(attended.address).await.expect("it connects");
        client.write_all(b"question").await.expect("it is said");
        client.shutdown().await.expect("half of it is closed");
        let (mut server, _) = listener.accept().await.expect("it arrives");
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.expect("it ends");
        assert_eq!(heard, b"question");
        // The client has said that it is done, and still hears.
        let long = vec![7; 1 << 20];
        let (sent, told) = tokio::join!(
            async {
                server.write_all(&long).await?;
                server.shutdown().await
            },
            async {
                let mut told = Vec::new();
                client.read_to_end(&mut told).await.map(|_| told)
            }
        );
        sent.expect("it is said");
        assert_eq!(told.expect("it is heard"), long);
        let counted = settled(&attended.door, |counted| counted.open == 0).await;
        assert_eq!((counted.accepted, counted.refused, counted.failed), (1, 0, 0));
        assert_eq!((counted.sent, counted.received), (8, 1 << 20));
    });
}

#[test]
fn a_broken_connection_breaks_on_the_other_side() {
    run(async {
        let (listener, behind) = listener().await;
        let attended = attend(&[behind], 8, 8);
        let mut client = TcpStream::connect(attended.address).await.expect("it connects");
        let (server, _) = listener.accept().await.expect("it arrives");
        server.set_zero_linger().expect("it is to break");
        drop(server);
        let broken = client.read(&mut [0; 1]).await.expect_err("it breaks");
        assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset);
        settled(&attended.door, |counted| counted.open == 0).await;
    });
}

#[test]
fn one_too_many_is_refused_at_once() {
    for (connections, room) in [(1, 8), (8, 1)] {
        run(async {
            let (listener, behind) = listener().await;
            let attended = attend(&[behind], connections, room);
            let first = TcpStream::connect(attended.address).await.expect("it connects");
            let (server, _) = listener.accept().await.expect("it arrives");
            let mut second = TcpStream::connect(attended.address).await.expect("it connects");
            assert!(second.read(&mut [0; 1]).await.is_err(), "it is reset");
            let counted = settled(&attended.door, |counted| counted.refused == 1).await;
            assert_eq!((counted.accepted, counted.open), (2, 1));
            drop((first, server));
            settled(&attended.door, |counted| counted.open == 0).await;
            let _third = TcpStream::connect(attended.address).await.expect("it connects");
            listener.accept().await.expect("there is room again");
        });
    }
}

#[test]
fn whoever_does_not_answer_is_followed_by_the_next() {
    run(async {
        let (listener, behind) = listener().await;
        let attended = attend(&[nobody().await, behind, nobody().await], 8, 8);
        for _ in 0..6 {
            let _client = TcpStream::connect(attended.address).await.expect("it connects");
            listener.accept().await.expect("it arrives");
        }
        assert_eq!(attended.door.counters.read().failed, 0);
    });
}

#[test]
fn where_nobody_answers_it_is_told_why() {
    run(async {
        let attended = attend(&[nobody().await], 8, 8);
        let mut client = TcpStream::connect(attended.address).await.expect("it connects");
        assert!(client.read(&mut [0; 1]).await.is_err(), "it is reset");
        let counted = settled(&attended.door, |counted| counted.failed == 1).await;
        let why = counted.last_failure.expect("a reason");
        assert!(why.contains("refused"), "{why}");
        // Who is behind may change, and those who come then find it.
        let (listener, behind) = listener().await;
        attended.settings.send_replace(settings(&[behind], 8));
        let _client = TcpStream::connect(attended.address).await.expect("it connects");
        listener.accept().await.expect("it arrives");
        attended.settings.send_replace(settings(&[], 8));
        let mut client = TcpStream::connect(attended.address).await.expect("it connects");
        assert!(client.read(&mut [0; 1]).await.is_err(), "it is reset");
        let counted = settled(&attended.door, |counted| counted.failed == 2).await;
        assert_eq!(counted.last_failure.as_deref(), Some("there is nobody behind it"));
    });
}

#[test]
fn connections_end_with_their_door() {
    run(async {
        let (listener, behind) = listener().await;
        let attended = attend(&[behind], 8, 8);
        let mut client = TcpStream::connect(attended.address).await.expect("it connects");
        let (_server, _) = listener.accept().await.expect("it arrives");
        attended.task.abort();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap_or_default(), 0);
        settled(&attended.door, |counted| counted.open == 0).await;
    });
}

#[test]
fn a_file_is_roots_alone_and_takes_nobodys_place() {
    let directory = Directory::new("place");
    let path = directory.0.join("orders.sock");
    let listen = Listen::Unix(path.clone());
    // What a killed agent has left.
    drop(UnixListener::bind(&path).expect("a socket"));
    let (socket, file) = Socket::bind(&listen).expect("it takes its place");
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let taken = Socket::bind(&listen).expect_err("somebody listens");
    assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
    drop(file);
    assert!(!path.exists(), "it is removed");
    drop(socket);
    std::fs::write(&path, "mine").expect("a file");
    let taken = Socket::bind(&listen).expect_err("it is no socket");
    assert!(taken.to_string().contains("no socket"), "{taken}");
    assert_eq!(std::fs::read(&path).expect("it is there"), b"mine");
    let nowhere = Listen::Unix(directory.0.join("none/orders.sock"));
    assert!(Socket::bind(&nowhere).is_err());
}

#[test]
fn whoever_is_at_a_socket_keeps_it() {
    let directory = Directory::new("kept");
    let is_taken = |path: PathBuf| {
        let taken = Socket::bind(&Listen::Unix(path.clone())).expect_err("it is somebody's");
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists, "{}", path.display());
        assert!(path.exists());
    };
    let datagrams = directory.0.join("log");
    let _log = UnixDatagram::bind(&datagrams).expect("a socket");
    is_taken(datagrams.clone());
    // A name of it is not it.
    let named = directory.0.join("named");
    std::os::unix::fs::symlink(&datagrams, &named).expect("a link");
    is_taken(named);
    // So many wait that nobody else can, and nobody is waited for.
    let full = directory.0.join("full");
    let listener = super::socket::unix_socket().expect("a socket");
    let address = UnixAddr::new(&full).expect("an address");
    bind(listener.as_raw_fd(), &address).expect("it is free");
    listen(&listener, Backlog::new(0).expect("none")).expect("it listens");
    let _waiting = std::os::unix::net::UnixStream::connect(&full).expect("one may wait");
    is_taken(full);
}

#[test]
fn a_file_in_its_place_is_left() {
    let directory = Directory::new("left");
    let path = directory.0.join("orders.sock");
    let (_socket, file) = Socket::bind(&Listen::Unix(path.clone())).expect("a socket");
    std::fs::remove_file(&path).expect("it is there");
    std::fs::write(&path, "mine").expect("a file");
    drop(file);
    assert!(path.exists(), "it is somebody else's");
}

#[test]
fn who_does_not_listen_is_not_read_for() {
    const LONG: usize = 64 << 20;
    run(async {
        let (listener, behind) = listener().await;
        let attended = attend(&[behind], 8, 8);
        let mut client = TcpStream::connect(attended.address).await.expect("it connects");
        let (mut server, _) = listener.accept().await.expect("it arrives");
        let said = tokio::spawn(async move {
            let said = server.write_all(&vec![7; LONG]).await;
            said.map(|()| server)
        });
        // It goes on until the kernel takes no more for the client.
        let mut before = 0;
        tokio::time::sleep(Duration::from_millis(300)).await;
        settled(&attended.door, |counted| {
            let is_still = counted.received == before && before > 0;
            before = counted.received;
            is_still
        })
        .await;
        assert!(before < LONG as u64 && !said.is_finished(), "{before}");
        let mut heard = vec![0; LONG];
        client.read_exact(&mut heard).await.expect("it is all there");
        said.await.expect("no panic").expect("it is said");
        let counted = settled(&attended.door, |counted| counted.open == 0);
        drop(client);
        assert_eq!(counted.await.received, LONG as u64);
    });
}

#[test]
fn a_file_lets_in_as_an_address_does() {
    run(async {
        let directory = Directory::new("lets-in");
        let path = directory.0.join("orders.sock");
        let (listener, behind) = listener().await;
        let (socket, _file) = Socket::bind(&Listen::Unix(path.clone())).expect("a socket");
        let (_tell, told) = watch::channel(settings(&[behind], 1));
        let door = Arc::new(Door {
            listen: Listen::Unix(path.clone()),
            socket,
            settings: told,
            counters: Arc::default(),
        });
        tokio::spawn(Arc::clone(&door).attend(Arc::new(Semaphore::new(1))));
        let mut client = UnixStream::connect(&path).await.expect("it connects");
        client.write_all(b"question").await.expect("it is said");
        let (mut server, _) = listener.accept().await.expect("it arrives");
        let mut heard = [0; 8];
        server.read_exact(&mut heard).await.expect("it is heard");
        assert_eq!(&heard, b"question");
    });
}
