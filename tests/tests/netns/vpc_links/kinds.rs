//! What each kind of link leads to, and what the target sees.

use super::*;
use groundplane_tests::netns::Background;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn the_host_reaches_guests_by_links_of_both_kinds_and_no_guest_the_host() -> Result<()> {
    let (lab, agent) = begin()?;
    // Each network interface of the link's has its turn, and the target sees nothing else.
    let seen = (0..4).map(|_| ask_orders(&lab)).collect::<Result<BTreeSet<_>>>()?;
    let shown = told(&lab, &agent, "orders")?;
    ensure!(seen.len() == 2, "{seen:?} {shown}");
    // Of the load balancer its node.
    ensure!(ask_legacy(&lab)? == "10.0.1.50");
    let mode = std::fs::metadata(path(&lab))?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "{mode:o}");
    ensure!(
        shown["counted"]["accepted"] == 4 && shown["counted"]["failed"] == 0,
        "{shown}"
    );
    ensure!(shown["counted"]["sent"] == 1_600_000, "{shown}");
    // The link's groups let nothing else out.
    let mut stream = connect(&lab, "127.0.0.1:8082")?;
    let mut second = connect(&lab, "127.0.0.1:8082")?;
    ensure!(second.read(&mut [0; 1]).is_err(), "there is room for one");
    ensure!(stream.read(&mut [0; 1]).is_err(), "nobody is reached");
    let closed = told(&lab, &agent, "closed")?;
    ensure!(
        closed["counted"]["failed"] == 1 && closed["counted"]["refused"] == 1,
        "{closed}"
    );
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    ensure!(status.contains("GroupEgress"), "{status}");
    // One way only.
    for address in &seen {
        let wait = Duration::from_millis(500);
        let address = format!("{address}:8080").parse()?;
        let refused = lab.inside("orders", || Ok(TcpStream::connect_timeout(&address, wait).is_err()))?;
        ensure!(refused, "{address} lets a guest in");
    }
    let status = lab.groundplane(&["status"])?.success()?.stdout;
    ensure!(
        status.contains("VpcLinkOneWay") && status.contains("VPC link 10.0."),
        "{status}"
    );
    agent.stop()?;
    ensure!(!path(&lab).exists(), "its file is left");
    lab.down()
}

/// nginx with one page, on a port of a guest.
fn nginx(lab: &Lab, guest: &str, port: u16, page: &str) -> Result<Background> {
    let dir = lab.dir().join(format!("{guest}-{port}"));
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join("index.html"), page)?;
    let (place, path) = (dir.display(), dir.join("nginx.conf"));
    let text = format!(
        "daemon off; master_process off; pid {place}/nginx.pid; error_log {place}/nginx.log; events {{}}\n\
         http {{ access_log off; client_body_temp_path {place}/body; server {{ listen {port}; root {place}; }} }}\n"
    );
    std::fs::write(&path, text)?;
    let nginx = lab.start(
        guest,
        &["nginx", "-p", &place.to_string(), "-c", &path.to_string_lossy()],
    )?;
    crate::listens(lab, guest, port)?;
    Ok(nginx)
}

/// What curl gets on the host.
fn curl(lab: &Lab, args: &[&str]) -> Result<String> {
    let all = [&["curl", "-sS", "--max-time", "10"], args].concat();
    Ok(lab.on_host(&all)?.success()?.stdout)
}

#[test]
fn real_servers_answer_real_clients_by_either_kind() -> Result<()> {
    let lab = Lab::new()?;
    // Large enough that it is not there at once.
    let page = "orders ".repeat(400_000);
    let more = format!(
        "{}  both: {{ vpc_link: shop, instances: [\"10.0.2.10:8080\", \"10.0.2.11:8080\"], listen: \"127.0.0.1:8084\" }}\n  \
         by_listener: {{ vpc_link: shop, listener: legacy, listen: \"[::1]:8085\" }}\n",
        document(&lab, "").replace(
            "CidrIpv4: 10.0.2.0/24 }] }",
            "CidrIpv4: 10.0.2.0/24 }, { IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIpv4: 10.0.1.50/32 }] }"
        )
    );
    let document = lab.document(&more)?;
    let agent = lab.agent(&["--network", &document.to_string_lossy()])?;
    let servers = [
        nginx(&lab, "orders", 8080, &page)?,
        nginx(&lab, "echo", 8080, "echo")?,
        nginx(&lab, "legacy", 80, "legacy")?,
    ];
    eventually(|| Ok(path(&lab).exists()))?;
    crate::listens(&lab, "host", 8080)?;
    ensure!(curl(&lab, &["http://127.0.0.1:8080/"])? == page);
    // One connection for several requests, as any client has it.
    ensure!(curl(&lab, &["http://127.0.0.1:8083/", "http://127.0.0.1:8083/"])? == "echoecho");
    ensure!(told(&lab, &agent, "echo")?["counted"]["accepted"] == 1);
    // Of the instances of a service each has its turn.
    let heard = (0..4).map(|_| Ok(curl(&lab, &["http://127.0.0.1:8084/"])?.len()));
    ensure!(heard.collect::<Result<BTreeSet<_>>>()? == BTreeSet::from([page.len(), 4]));
    // A load balancer by the one kind of link, and by the other.
    ensure!(curl(&lab, &["http://[::1]:8085/"])? == "legacy");
    let socket = path(&lab).to_string_lossy().into_owned();
    ensure!(curl(&lab, &["--unix-socket", &socket, "http://legacy/"])? == "legacy");
    drop(servers);
    agent.stop()?;
    lab.down()
}

#[test]
fn a_target_behind_a_link_of_a_rest_api_is_told_who_calls() -> Result<()> {
    let lab = Lab::new()?;
    let told = "    Port: 80\n    Attributes: [{ Key: proxy_protocol_v2.enabled, Value: \"true\" }]\n";
    let document = lab.document(&document(&lab, "").replacen("    Port: 80\n", told, 1))?;
    let agent = lab.agent(&["--network", &document.to_string_lossy()])?;
    eventually(|| Ok(path(&lab).exists()))?;
    let listener = lab.inside("legacy", || Ok(TcpListener::bind("0.0.0.0:80")?))?;
    let mut client = UnixStream::connect(path(&lab))?;
    client.write_all(b"hello")?;
    let (mut server, _) = listener.accept()?;
    server.set_read_timeout(Some(PATIENCE))?;
    let mut header = [0; 16];
    server.read_exact(&mut header)?;
    ensure!(header.starts_with(b"\r\n\r\n\0\r\nQUIT\n\x21\x11"), "{header:02x?}");
    let mut told = vec![0; usize::from(u16::from_be_bytes([header[14], header[15]]))];
    server.read_exact(&mut told)?;
    // The service's own address in its hidden VPC, and the node's; then the endpoint's id.
    ensure!(told.starts_with(&[198, 19, 0, 10, 10, 0, 1, 50]), "{told:02x?}");
    ensure!(
        told.get(12..20)
            .is_some_and(|tlv| tlv[0] == 0xea && tlv.ends_with(b"vpce")),
        "{told:02x?}"
    );
    let mut heard = [0; 5];
    server.read_exact(&mut heard)?;
    ensure!(&heard == b"hello");
    agent.stop()?;
    lab.down()
}
