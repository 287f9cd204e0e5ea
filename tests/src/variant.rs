//! A BPF object that does what ours does and is another one: for whoever replaces programs.

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

/// `r0 = constant`, as a 32-bit move and as a 64-bit one: the same for what programs return.
const SHORT_MOVE: [u8; 2] = [0xb4, 0x00];
const MOVE: u8 = 0xb7;
const INSTRUCTION_LEN: usize = 8;

/// The object with one instruction of `eni_guard` written in another way.
pub fn of(bytes: &[u8]) -> Result<Vec<u8>> {
    let file = object::File::parse(bytes)?;
    let symbol = file
        .symbols()
        .find(|symbol| symbol.name() == Ok(groundplane_abi::program::ENI_GUARD))
        .context("the object has eni_guard")?;
    let section = file.section_by_index(symbol.section_index().context("it is in a section")?)?;
    let (in_file, _) = section.file_range().context("the section has bytes")?;
    let begin = usize::try_from(in_file + symbol.address())?;
    let end = begin + usize::try_from(symbol.size())?;
    let mut changed = bytes.to_vec();
    let program = changed.get_mut(begin..end).context("it is inside the file")?;
    let instruction = program
        .chunks_exact_mut(INSTRUCTION_LEN)
        .find(|instruction| instruction.starts_with(&SHORT_MOVE))
        .context("eni_guard returns a constant")?;
    instruction[0] = MOVE;
    Ok(changed)
}
