//! What processes of the host connect to, under the capabilities of the unit.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn the_unit_lets_the_agent_listen_and_a_file_lets_in_who_it_says() -> Result<()> {
    let lab = Lab::new()?;
    let text = document(&lab, "").replace("127.0.0.1:8083", "127.0.0.1:80");
    let document = lab.document(&text)?;
    let bound = crate::agent::bounding_set()?;
    let through = ["setpriv", &bound, "--inh-caps=-all", "--no-new-privs"];
    let agent = lab.agent_as(&through, &[], &["--network", &document.to_string_lossy()])?;
    echo(&lab)?;
    serve(&lab, "legacy", "0.0.0.0:80")?;
    eventually(|| Ok(path(&lab).exists()))?;
    ensure!(is_echoed(&mut connect(&lab, "127.0.0.1:80")?));
    let stranger = |code: i32| -> Result<()> {
        let socket = path(&lab).to_string_lossy().into_owned();
        let ask = [
            "curl",
            "-sS",
            "--max-time",
            "2",
            "--unix-socket",
            &socket,
            "http://legacy/",
        ];
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let asked = lab.on_host(&[&nobody[..], &ask[..]].concat())?;
        ensure!(asked.code == Some(code), "{asked}");
        Ok(())
    };
    // curl says that it can't connect; or else that it hears nothing from who waits for its end.
    stranger(7)?;
    fs::set_permissions(path(&lab), fs::Permissions::from_mode(0o666))?;
    stranger(28)?;
    agent.stop()?;
    lab.down()
}

#[test]
fn what_is_not_an_agents_socket_is_left_until_it_is_gone() -> Result<()> {
    let lab = Lab::new()?;
    fs::write(path(&lab), "mine")?;
    let text = document(&lab, "");
    let document = lab.document(&text)?;
    let agent = lab.agent(&["--network", &document.to_string_lossy()])?;
    serve(&lab, "legacy", "0.0.0.0:80")?;
    eventually(|| {
        let shown = told(&lab, &agent, "legacy")?;
        Ok(shown["refused"].as_str().is_some_and(|why| why.contains("no socket")))
    })?;
    ensure!(fs::read(path(&lab))? == b"mine");
    // It is tried again, also if nothing else changes.
    fs::remove_file(path(&lab))?;
    let start = std::time::Instant::now();
    while ask_legacy(&lab).is_err() {
        ensure!(start.elapsed() < PATIENCE, "nobody listens");
        std::thread::sleep(Duration::from_millis(200));
    }
    agent.stop()?;
    lab.down()
}
