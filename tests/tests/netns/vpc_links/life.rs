//! Links that come and go, and what becomes of who is connected.

use super::*;

#[test]
fn a_link_that_is_not_available_refuses_and_its_place_is_for_good() -> Result<()> {
    let (lab, agent) = begin()?;
    ask_orders(&lab)?;
    let mut open = connect(&lab, ORDERS)?;
    apply(&lab, &agent, &document(&lab, ", VpcLinkStatus: INACTIVE"))?.success()?;
    ensure!(is_over(&mut open), "who was connected still is");
    let is_refused = || lab.inside("host", || Ok(TcpStream::connect(ORDERS).is_err()));
    eventually(is_refused)?;
    let shown = told(&lab, &agent, "orders")?;
    let refused = shown["refused"].as_str().unwrap_or_default();
    ensure!(refused.starts_with("X_VPCLINK_INACTIVE"), "{shown}");
    // The other one goes on.
    ensure!(ask_legacy(&lab)? == "10.0.1.50");
    apply(&lab, &agent, &document(&lab, ""))?.success()?;
    eventually(|| Ok(ask_orders(&lab).is_ok()))?;
    let moved = document(&lab, "").replace("[shop/a, shop/b]", "[shop/a]");
    let told = apply(&lab, &agent, &moved)?.stderr;
    ensure!(told.contains("BadRequestException"), "{told}");
    ask_orders(&lab)?;
    // Who takes over from an agent that was killed finds its file, and replaces it.
    agent.kill()?;
    ensure!(path(&lab).exists());
    let agent = lab.agent(&[])?;
    eventually(|| Ok(ask_legacy(&lab).is_ok() && ask_orders(&lab).is_ok()))?;
    agent.stop()?;
    lab.down()
}

#[test]
fn only_what_is_available_carries() -> Result<()> {
    let (lab, agent) = begin()?;
    let is_refused = |name: &str, status: &str| -> Result<()> {
        let shown = told(&lab, &agent, name)?;
        let refused = shown["refused"].as_str().unwrap_or_default();
        ensure!(
            refused.starts_with("X_VPCLINK_INACTIVE") && shown["status"] == status,
            "{shown}"
        );
        Ok(())
    };
    for status in ["PENDING", "FAILED", "DELETING"] {
        let text = document(&lab, &format!(", VpcLinkStatus: {status}"));
        let text = text.replace(
            "[legacy] }\nintegrations",
            &format!("[legacy], status: {status} }}\nintegrations"),
        );
        apply(&lab, &agent, &text)?.success()?;
        eventually(|| Ok(!path(&lab).exists()))?;
        eventually(|| lab.inside("host", || Ok(TcpStream::connect(ORDERS).is_err())))?;
        is_refused("orders", status)?;
        is_refused("legacy", status)?;
    }
    apply(&lab, &agent, &document(&lab, ""))?.success()?;
    eventually(|| Ok(ask_legacy(&lab).is_ok() && ask_orders(&lab).is_ok()))?;
    agent.stop()?;
    lab.down()
}

#[test]
fn who_is_connected_stays_while_the_integration_does() -> Result<()> {
    let (lab, agent) = begin()?;
    let mut open = connect(&lab, ECHO)?;
    ensure!(is_echoed(&mut open));
    let mut legacy = UnixStream::connect(path(&lab))?;
    legacy.set_read_timeout(Some(PATIENCE))?;
    legacy.write_all(b"half")?;
    // One integration leads elsewhere, one is gone, one lets in more.
    let whole = document(&lab, "");
    let line = whole
        .lines()
        .find(|line| line.contains("listener: legacy"))
        .context("a line")?;
    let changed = whole
        .replace(&format!("{line}\n"), "")
        .replace("address: \"10.0.2.11:8080\"", "address: \"10.0.2.10:8080\"")
        .replace("connections: 1 }", "connections: 2 }");
    apply(&lab, &agent, &changed)?.success()?;
    ensure!(is_over(&mut legacy), "its integration is gone");
    ensure!(!path(&lab).exists());
    ensure!(is_echoed(&mut open), "it was not touched");
    ask_at(&lab, ECHO).context("who comes now reaches the other one")?;
    apply(&lab, &agent, &whole)?.success()?;
    eventually(|| Ok(ask_legacy(&lab).is_ok()))?;
    ensure!(is_echoed(&mut open));
    // What was counted goes on, of one that stays.
    let shown = told(&lab, &agent, "echo")?;
    ensure!(
        shown["counted"]["accepted"] == 2 && shown["counted"]["open"] == 1,
        "{shown}"
    );
    // It is the agent that carries.
    agent.stop()?;
    ensure!(is_over(&mut open));
    let agent = lab.agent(&[])?;
    eventually(|| Ok(is_echoed(&mut connect(&lab, ECHO)?)))?;
    agent.stop()?;
    lab.down()
}
