//! Many at once, those who don't listen, and targets that aren't there.

use super::*;
use groundplane::install::names;
use std::io::ErrorKind;
use std::time::Instant;

/// How much memory the agent has, in bytes.
fn memory(agent: &Agent) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.id()))?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:")).context("a size")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes << 10)
}

fn open_files(agent: &Agent) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{}/fd", agent.id()))?.count())
}

#[test]
fn as_many_as_there_may_be_are_let_in() -> Result<()> {
    const MOST: usize = 64;
    let lab = Lab::new()?;
    let listen = "listen: \"127.0.0.1:8083\"";
    let text = document(&lab, "").replace(listen, &format!("{listen}, connections: {MOST}"));
    let (lab, agent) = begin_with(lab, &text)?;
    let before = open_files(&agent)?;
    let mut all = lab.inside("host", || {
        let all = (0..MOST + 36).map(|_| Ok(TcpStream::connect(ECHO)?));
        all.collect::<Result<Vec<_>>>()
    })?;
    for stream in &all {
        stream.set_read_timeout(Some(PATIENCE))?;
    }
    let echoed = all
        .iter_mut()
        .filter_map(|stream| is_echoed(stream).then_some(()))
        .count();
    let shown = told(&lab, &agent, "echo")?;
    ensure!(echoed == MOST && shown["counted"]["refused"] == 36, "{echoed} {shown}");
    // Nothing of them is left.
    drop(all);
    eventually(|| Ok(told(&lab, &agent, "echo")?["counted"]["open"] == 0 && open_files(&agent)? <= before + 2))?;
    ensure!(is_echoed(&mut connect(&lab, ECHO)?));
    agent.stop()?;
    lab.down()
}

/// Many, one after the other: the ports of those that have ended are used again.
#[test]
fn ports_of_connections_that_have_ended_are_used_again() -> Result<()> {
    let (lab, agent) = begin()?;
    // By each of the link's two network interfaces, so many.
    let inside = format!("--net=/run/netns/{}", names::service(&lab.state_dir()));
    let few = "net.ipv4.ip_local_port_range=21000 21199";
    lab.on_host(&["nsenter", &inside, "--", "sysctl", "-w", few])?
        .success()?;
    for _ in 0..2 {
        let asked = lab.inside("host", || {
            let ask = |_| {
                let mut stream = TcpStream::connect(ECHO)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.shutdown(Shutdown::Write)?;
                Ok(stream.read(&mut [0; 1])?)
            };
            (0..350).map(ask).collect::<Result<Vec<_>>>()
        })?;
        ensure!(asked.len() == 350);
        // Timestamps have to differ.
        std::thread::sleep(Duration::from_millis(2100));
    }
    let shown = told(&lab, &agent, "echo")?;
    ensure!(shown["counted"]["failed"] == 0, "{shown}");
    agent.stop()?;
    lab.down()
}

/// Writes until the other side takes no more. How much that was.
fn fill(stream: &mut TcpStream) -> Result<usize> {
    stream.set_nonblocking(true)?;
    let (mut written, mut last) = (0, Instant::now());
    while last.elapsed() < Duration::from_millis(500) {
        match stream.write(&[7; 1 << 16]) {
            Ok(len) => (written, last) = (written + len, Instant::now()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error.into()),
        }
    }
    stream.set_nonblocking(false)?;
    Ok(written)
}

#[test]
fn who_does_not_listen_costs_the_agent_nothing() -> Result<()> {
    let (lab, agent) = begin()?;
    ensure!(is_echoed(&mut connect(&lab, ECHO)?));
    let before = memory(&agent)?;
    let mut slow = (0..4).map(|_| connect(&lab, ECHO)).collect::<Result<Vec<_>>>()?;
    let said = slow.iter_mut().map(fill).collect::<Result<Vec<_>>>()?;
    let grown = memory(&agent)?.saturating_sub(before);
    ensure!(grown < 2 << 20, "{grown} bytes for {said:?}");
    // Others don't wait for them.
    ensure!(is_echoed(&mut connect(&lab, ECHO)?));
    // All of it was kept for them.
    for (stream, len) in slow.iter_mut().zip(said) {
        let mut heard = vec![0; len];
        stream.read_exact(&mut heard)?;
        ensure!(heard.iter().all(|byte| *byte == 7));
    }
    agent.stop()?;
    lab.down()
}

#[test]
fn where_no_target_is_it_is_told_why() -> Result<()> {
    let lab = Lab::new()?;
    let text = document(&lab, "");
    let document = lab.document(&text)?;
    let agent = lab.agent(&["--network", &document.to_string_lossy()])?;
    eventually(|| lab.inside("host", || Ok(TcpStream::connect(ECHO).is_ok())))?;
    let why = |word: &str| -> Result<()> {
        let start = Instant::now();
        ensure!(is_over(&mut connect(&lab, ECHO)?));
        ensure!(start.elapsed() < Duration::from_secs(14));
        let shown = told(&lab, &agent, "echo")?;
        let why = shown["counted"]["last_failure"].as_str().unwrap_or_default();
        ensure!(why.contains(word), "{shown}");
        Ok(())
    };
    // Nobody listens there.
    why("refused")?;
    let listener = lab.inside("echo", || Ok(TcpListener::bind("0.0.0.0:8080")?))?;
    let mut client = connect(&lab, ECHO)?;
    let (server, _) = listener.accept()?;
    // What the target hasn't read is lost to it, and so its end is a reset, which the client hears too.
    client.write_all(b"unread")?;
    server.set_read_timeout(Some(PATIENCE))?;
    ensure!(server.peek(&mut [0; 1])? == 1);
    drop(server);
    let broken = client.read(&mut [0; 1]).err().map(|error| error.kind());
    ensure!(broken == Some(ErrorKind::ConnectionReset), "{broken:?}");
    drop(listener);
    // Nobody is there. The kernel takes a namespace apart after its name has gone, and until then it refuses.
    let device = crate::device(&lab.status()?, "echo")?;
    lab.remove_guest("echo")?;
    eventually(|| Ok(lab.on_host(&["ip", "link", "show", &device])?.code != Some(0)))?;
    why("no answer")?;
    agent.stop()?;
    lab.down()
}
