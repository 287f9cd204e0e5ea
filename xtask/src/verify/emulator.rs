//! A machine of its own for an older kernel: QEMU, busybox, and the loader as its only task.

use super::qemu;
use crate::command::{describe, find, program, read, run, target};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A boot takes seconds; this is for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(180);
const SUCCESS: &str = "groundplane: every program was loaded";

const INIT: &str = "#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t bpf bpf /sys/fs/bpf
/loader /object && echo 'groundplane: every program was loaded'
/bin/busybox poweroff -f
";

/// Boots the kernel, loads the object's programs there, and returns what was on the console.
pub(super) fn run_loader(kernel: &Path, loader: &Path, object: &Path) -> Result<String> {
    let folder = target().join("verify");
    let archive = pack(&folder, loader, object).context("packing the emulated machine's file system")?;
    let console = folder.join("console.log");
    let mut command = machine(kernel, &archive)?;
    command
        .stdout(fs::File::create(&console)?)
        .stderr(fs::File::create(folder.join("qemu.log"))?);
    let complaint = wait(&mut command)?;
    let text = String::from_utf8_lossy(&fs::read(&console)?).into_owned();
    let errors = fs::read_to_string(folder.join("qemu.log"))?;
    let succeeded = text.lines().any(|line| line.trim() == SUCCESS);
    if complaint.is_some() || !succeeded {
        let complaint = complaint.unwrap_or_else(|| "the loader failed there".to_owned());
        bail!("{complaint}\n{errors}the console's last lines:\n{}", tail(&text, 40));
    }
    Ok(text)
}

fn machine(kernel: &Path, archive: &Path) -> Result<Command> {
    let mut command = qemu::command()?;
    // Software emulation works everywhere, also inside of a virtual machine.
    command.args([
        "-accel",
        "tcg",
        "-cpu",
        "max",
        "-m",
        "1G",
        "-nographic",
        "-no-reboot",
        "-nic",
        "none",
    ]);
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(archive);
    command.args(["-append", "console=ttyS0 panic=-1 quiet"]);
    Ok(command)
}

/// Waits for the machine's end, and says what is wrong with it, if anything.
fn wait(command: &mut Command) -> Result<Option<String>> {
    let mut child = command
        .spawn()
        .with_context(|| format!("can't start {}", describe(command)))?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait()? {
            return Ok((!status.success()).then(|| format!("the emulator ended with {status}")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(Some(format!(
        "the emulated machine didn't end within {} s",
        PATIENCE.as_secs()
    )))
}

fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(count))
        .map(|line| format!("  {}\n", line.trim_end()))
        .collect()
}

/// Makes the machine's first and only file system.
fn pack(folder: &Path, loader: &Path, object: &Path) -> Result<PathBuf> {
    let tree = folder.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    fs::create_dir_all(tree.join("bin"))?;
    fs::copy(find("busybox").context("busybox is gone")?, tree.join("bin/busybox"))?;
    fs::copy(loader, tree.join("loader"))?;
    fs::copy(object, tree.join("object"))?;
    for library in libraries(loader)? {
        let place = tree.join(library.strip_prefix("/")?);
        fs::create_dir_all(place.parent().context("a library without a folder")?)?;
        fs::copy(&library, &place)?;
    }
    fs::write(tree.join("init"), INIT)?;
    fs::set_permissions(tree.join("init"), fs::Permissions::from_mode(0o755))?;
    let archive = folder.join("initramfs.cpio");
    let mut command = program("cpio");
    command
        .args(["--quiet", "--create", "--format=newc"])
        .current_dir(&tree)
        .stdout(fs::File::create(&archive)?);
    let list = folder.join("files");
    fs::write(&list, read(program("find").current_dir(&tree))?)?;
    run(command.stdin(Stdio::from(fs::File::open(&list)?)))?;
    Ok(archive)
}

/// The shared libraries a program needs, its dynamic linker among them.
fn libraries(binary: &Path) -> Result<Vec<PathBuf>> {
    let list = read(program("ldd").arg(binary))?;
    Ok(list
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect())
}
