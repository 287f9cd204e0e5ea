//! Asking one question with the tool people would use.

use super::case::{Case, Source, Target, What};
use super::process;
use super::server::{HTTP_PORT, STREAM_PORT};
use std::net::IpAddr;
use std::process::Output;

/// What a tool came back with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// An answer: of whom, if it says so, and what people want to know of it.
    Answer {
        who: Option<String>,
        detail: String,
    },
    Silence,
    /// The tool itself could not do its work.
    Failed(String),
}

/// Runs the tool for a question.
pub(super) fn ask(case: &Case<'_>) -> Got {
    let to = match case.to {
        Target::Guest(party) => party.address_of(case.what.family()),
        Target::Host(address) | Target::Uplink(address) | Target::Public(_, address) => Some(address.into()),
    };
    let Some(to) = to else {
        return Got::Failed("it has no such address".to_owned());
    };
    // The host is told the device: by its routes it would send to its own network.
    let (namespace, device) = match (case.from, case.to) {
        (Source::Guest(party), _) => (party.namespace(), None),
        (Source::Host, Target::Guest(party)) => (None, Some(party.guest.device.as_str())),
        (Source::Host, Target::Host(_)) => (None, Some("lo")),
        // Its routes lead to the uplink.
        (Source::Host, Target::Uplink(_) | Target::Public(..)) => (None, None),
    };
    let words = words(case.what, to, device);
    match process::run(namespace, &words) {
        Err(error) => Got::Failed(error.to_string()),
        Ok(output) => match case.what {
            What::Ping | What::Ping6 => ping(&output),
            What::Http => http(&output),
            What::Stream => stream(&output),
            What::Spoof(_) => spoof(&output),
        },
    }
}

/// The command line. None of its words has a space in it.
fn words(what: What, to: IpAddr, device: Option<&str>) -> Vec<String> {
    let mut line = match what {
        What::Ping | What::Ping6 => format!("ping -n -c 3 -i 0.2 -W 1 {to}"),
        What::Http => format!("curl --silent --show-error --noproxy * --max-time 3 http://{to}:{HTTP_PORT}/"),
        What::Stream => format!("iperf3 -c {to} -p {STREAM_PORT} -t 1 -J --connect-timeout 2000"),
        What::Spoof(source) => format!("hping3 --icmp -c 3 -i u100000 -a {source} {to}"),
    };
    if let Some(device) = device {
        line += " -I ";
        line += device;
    }
    line.split(' ').map(str::to_owned).collect()
}

fn ping(output: &Output) -> Got {
    let text = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => {
            // "rtt min/avg/max/mdev = 0.044/0.061/0.085/0.017 ms"
            let times = text
                .lines()
                .find_map(|line| line.strip_prefix("rtt min/avg/max/mdev = "));
            let average = times.and_then(|times| times.split('/').nth(1)).unwrap_or("?");
            Got::Answer {
                who: None,
                detail: format!("answers in {average} ms"),
            }
        }
        Some(1) => Got::Silence,
        _ => failed(output),
    }
}

fn http(output: &Output) -> Got {
    /// curl's codes for no connection and no answer in time.
    const SILENCE: [i32; 2] = [7, 28];
    match output.status.code() {
        Some(0) => {
            let who = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let detail = format!("answers: {who}");
            Got::Answer { who: Some(who), detail }
        }
        Some(code) if SILENCE.contains(&code) => Got::Silence,
        _ => failed(output),
    }
}

fn stream(output: &Output) -> Got {
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let rate = answer
        .pointer("/end/sum_received/bits_per_second")
        .and_then(serde_json::Value::as_f64);
    match (rate, answer.get("error").and_then(serde_json::Value::as_str)) {
        (Some(rate), None) if rate > 0.0 => Got::Answer {
            who: None,
            detail: format!("{:.2} Gbit/s", rate / 1e9),
        },
        (_, Some(error)) if error.contains("unable to connect") => Got::Silence,
        (_, Some(error)) => Got::Failed(error.to_owned()),
        _ => failed(output),
    }
}

/// The sender of forged packets never gets an answer; it only matters that they went out.
fn spoof(output: &Output) -> Got {
    // hping3 ends with 1 when nothing answered.
    if matches!(output.status.code(), Some(0 | 1)) {
        Got::Silence
    } else {
        failed(output)
    }
}

fn failed(output: &Output) -> Got {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it failed without a word");
    Got::Failed(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        Output {
            status: ExitStatus::from_raw(code << 8),
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    fn answer(who: Option<&str>, detail: &str) -> Got {
        Got::Answer {
            who: who.map(str::to_owned),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn ping_answers_are_silent_or_wrong() {
        let text = "3 packets transmitted, 3 received\nrtt min/avg/max/mdev = 0.044/0.061/0.085/0.017 ms\n";
        assert_eq!(ping(&output(0, text, "")), answer(None, "answers in 0.061 ms"));
        assert_eq!(ping(&output(1, "", "")), Got::Silence);
        let unreachable = ping(&output(2, "", "ping: connect: Network is unreachable\n"));
        assert_eq!(
            unreachable,
            Got::Failed("ping: connect: Network is unreachable".to_owned())
        );
    }

    #[test]
    fn a_web_server_says_who_it_is() {
        assert_eq!(
            http(&output(0, "blue/db-1\n", "")),
            answer(Some("blue/db-1"), "answers: blue/db-1")
        );
        assert_eq!(http(&output(28, "", "curl: (28) timeout")), Got::Silence);
    }

    #[test]
    fn a_stream_has_a_rate_or_an_error() {
        let text = r#"{"end":{"sum_received":{"bits_per_second":18340000000.5}}}"#;
        assert_eq!(stream(&output(0, text, "")), answer(None, "18.34 Gbit/s"));
        let text = r#"{"end":{},"error":"error - unable to connect to server: Connection timed out"}"#;
        assert_eq!(stream(&output(1, text, "")), Got::Silence);
        assert!(matches!(
            stream(&output(1, r#"{"error":"control socket has closed"}"#, "")),
            Got::Failed(_)
        ));
        assert!(matches!(stream(&output(0, "", "")), Got::Failed(_)));
    }

    #[test]
    fn forged_packets_carry_the_source_asked_for() {
        let words = words(
            What::Spoof(Ipv4Addr::new(10, 0, 0, 9)),
            Ipv4Addr::new(10, 0, 0, 5).into(),
            None,
        );
        assert_eq!(words.join(" "), "hping3 --icmp -c 3 -i u100000 -a 10.0.0.9 10.0.0.5");
    }
}
