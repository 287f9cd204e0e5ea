//! One look at a target: a connection, and over it a request, if the group wants one.

use super::check::{Cause, Outcome};
use super::settings::{Protocol, Settings};
use super::tls;
use crate::herald::LOCAL;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;

/// What is read of an answer: its first line is in it, or it is none.
const LINE: usize = 1024;

/// Looks at whoever is behind an address, which is known to itself and to others by another one.
pub(super) async fn probe(behind: IpAddr, known_as: IpAddr, settings: &Settings) -> Outcome {
    let looked = timeout(settings.timeout, look(behind, known_as, settings)).await;
    match looked {
        Ok(Ok(outcome)) => outcome,
        Err(_) => Outcome::Failed(Cause::Timeout),
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Outcome::Failed(Cause::Timeout),
        Ok(Err(error)) => {
            tracing::debug!(%known_as, port = settings.port, %error, "a health check failed");
            Outcome::Failed(Cause::Broken)
        }
    }
}

async fn look(behind: IpAddr, known_as: IpAddr, settings: &Settings) -> io::Result<Outcome> {
    let mut stream = TcpStream::connect(SocketAddr::new(behind, settings.port)).await?;
    if settings.has_header {
        stream.write_all(&LOCAL).await?;
    }
    let host = SocketAddr::new(known_as, settings.port);
    match settings.protocol {
        Protocol::Tcp => Ok(Outcome::Passed),
        Protocol::Http => ask(stream, host, settings).await,
        Protocol::Https => {
            let connector = tls::connector().map_err(io::Error::other)?;
            let stream = connector.connect(ServerName::from(known_as), stream).await?;
            ask(stream, host, settings).await
        }
    }
}

async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: SocketAddr,
    settings: &Settings,
) -> io::Result<Outcome> {
    stream.write_all(request(&settings.path, host).as_bytes()).await?;
    stream.flush().await?;
    let mut line = Vec::with_capacity(LINE);
    while line.len() < LINE && !line.contains(&b'\n') {
        let room = LINE - line.len();
        if (&mut stream).take(room as u64).read_buf(&mut line).await? == 0 {
            break;
        }
    }
    Ok(match status(&line) {
        Some(code) if settings.matcher.matches(code) => Outcome::Passed,
        Some(code) => Outcome::Failed(Cause::Code(code)),
        None => Outcome::Failed(Cause::Broken),
    })
}

/// The request as AWS's load balancers make it.
fn request(path: &str, host: SocketAddr) -> String {
    let path = encoded(path);
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n")
}

/// A path in which nothing ends the line it stands in.
fn encoded(path: &str) -> String {
    let byte = |byte: u8| match byte {
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    path.bytes().map(byte).collect()
}

/// The code in the first line of an answer; none if that isn't one of HTTP/1.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.trim_end().splitn(3, ' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    let code = words.next().filter(|code| code.len() == 3)?;
    code.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{Matcher, TargetGroup};
    use std::future::Future;
    use std::time::Duration;
    use tokio::net::TcpListener;

    #[test]
    fn the_status_line_is_read_and_nothing_else() {
        for (answer, code) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Some(200)),
            ("HTTP/1.0 404\r\n\r\n", Some(404)),
            ("HTTP/1.1 503 Service Unavailable", Some(503)),
            ("HTTP/2 200\r\n", None),
            ("SSH-2.0-OpenSSH\r\n", None),
            ("HTTP/1.1  200\r\n", None),
            ("HTTP/1.1 20\r\n", None),
            ("HTTP/1.1 2000 OK\r\n", None),
            ("", None),
            ("\n\n", None),
        ] {
            assert_eq!(status(answer.as_bytes()), code, "{answer:?}");
        }
        assert_eq!(status(&[0xff; 40]), None);
    }

    #[test]
    fn a_path_cannot_add_a_header() {
        let host = "10.0.0.4:80".parse().expect("an address");
        let request = request("/a b\r\nX: y?q=ü", host);
        assert!(
            request.starts_with("GET /a%20b%0D%0AX:%20y?q=%C3%BC HTTP/1.1\r\nHost: 10.0.0.4:80\r\n"),
            "{request}"
        );
        assert_eq!(request.matches("\r\n").count(), 5);
    }

    fn settings(protocol: &str, port: u16) -> Settings {
        let group = TargetGroup {
            health_check_protocol: Some(protocol.to_owned()),
            matcher: Some(Matcher {
                http_code: Some("200".to_owned()),
                ..Matcher::default()
            }),
            ..TargetGroup::default()
        };
        Settings {
            timeout: Duration::from_secs(20),
            ..Settings::of(&group, port)
        }
    }

    /// What comes of a look at a server that says this once it has heard something. None: it says nothing.
    fn seen(protocol: &str, says: Option<&'static [u8]>) -> Outcome {
        run(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
            let address = listener.local_addr().expect("an address");
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await?;
                let mut heard = [0; 512];
                let _some = stream.read(&mut heard).await?;
                match says {
                    Some(says) => stream.write_all(says).await,
                    None => std::future::pending().await,
                }
            });
            let mut settings = settings(protocol, address.port());
            if protocol == "HTTP" && says.is_none() {
                settings.timeout = Duration::from_millis(300);
            }
            let outcome = probe(address.ip(), address.ip(), &settings).await;
            server.abort();
            outcome
        })
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(work)
    }

    #[test]
    fn a_server_is_judged_by_what_it_answers() {
        let failed = Outcome::Failed;
        let endless: &[u8] = Box::leak(vec![b'x'; 1 << 20].into_boxed_slice());
        for (says, outcome) in [
            (Some(&b"HTTP/1.1 200 OK\r\n\r\n"[..]), Outcome::Passed),
            (Some(b"HTTP/1.1 404 Not Found\r\n\r\n"), failed(Cause::Code(404))),
            (Some(b"hello\r\n"), failed(Cause::Broken)),
            (Some(b""), failed(Cause::Broken)),
            (Some(endless), failed(Cause::Broken)),
            (None, failed(Cause::Timeout)),
        ] {
            let words = says.map(|says| String::from_utf8_lossy(&says[..says.len().min(20)]));
            assert_eq!(seen("HTTP", says), outcome, "{words:?}");
        }
        assert_eq!(seen("TCP", None), Outcome::Passed);
        // What is no TLS is no answer.
        assert_eq!(seen("HTTPS", Some(b"HTTP/1.1 200 OK\r\n\r\n")), failed(Cause::Broken));
    }

    #[test]
    fn who_listens_to_nothing_is_seen_at_once() {
        let free = run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
            listener.local_addr().expect("an address")
        });
        let outcome = run(probe(free.ip(), free.ip(), &settings("TCP", free.port())));
        assert_eq!(outcome, Outcome::Failed(Cause::Broken));
    }
}
