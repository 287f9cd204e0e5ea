//! How much stack a program needs, from its instructions.
//!
//! The kernel computes it too, but tells it only in a log that it doesn't keep. The verifier rounds each function's
//! part up to 32 bytes, adds up the parts along a chain of calls, and refuses more than 512.

use anyhow::{Context as _, Result, bail};
use object::{
    Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SectionIndex, SectionKind, SymbolKind,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

const INSTRUCTION: u64 = 8;
const FRAME_POINTER: u8 = 10;
/// More calls than this below one another, and the kernel refuses the program.
const MAX_CALLS: usize = 8;

/// An instruction of eBPF: opcode, registers, offset, immediate.
#[derive(Clone, Copy)]
struct Instruction {
    opcode: u8,
    dst: u8,
    src: u8,
    offset: i16,
    immediate: i32,
}

impl Instruction {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let &[opcode, registers, o0, o1, i0, i1, i2, i3] = bytes.first_chunk::<8>()?;
        Some(Self {
            opcode,
            dst: registers & 15,
            src: registers >> 4,
            offset: i16::from_le_bytes([o0, o1]),
            immediate: i32::from_le_bytes([i0, i1, i2, i3]),
        })
    }

    fn class(self) -> u8 {
        self.opcode & 7
    }

    /// `call` of a function of the same object, or a load of such a function's address for a callback.
    fn refers_to_function(self) -> bool {
        const PSEUDO_CALL: u8 = 1;
        const PSEUDO_FUNCTION: u8 = 4;
        (self.opcode == 0x85 && self.src == PSEUDO_CALL) || (self.opcode == 0x18 && self.src == PSEUDO_FUNCTION)
    }
}

type Place = (SectionIndex, u64);

struct Function {
    name: String,
    stack: u64,
    calls: Vec<Place>,
}

/// The deepest chain of calls below a function, itself included.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Chain {
    pub(super) bytes: u64,
    /// Who calls whom, and with how much stack, innermost first.
    pub(super) links: Vec<(String, u64)>,
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outermost_first = self.links.iter().rev();
        let links: Vec<String> = outermost_first.map(|(name, bytes)| format!("{name} {bytes}")).collect();
        f.write_str(&links.join(" > "))
    }
}

/// The deepest chain of every function of the object, by name; programs are functions nobody calls.
pub(super) fn depths(elf: &[u8]) -> Result<BTreeMap<String, Chain>> {
    let functions = functions(elf)?;
    functions
        .iter()
        .map(|(place, function)| Ok((function.name.clone(), depth(&functions, *place, 0)?)))
        .collect()
}

fn depth(functions: &HashMap<Place, Function>, place: Place, calls: usize) -> Result<Chain> {
    let function = functions.get(&place).context("a call goes where no function begins")?;
    if calls > MAX_CALLS {
        bail!("{}: calls go deeper than {MAX_CALLS}", function.name);
    }
    let below = function.calls.iter().map(|place| depth(functions, *place, calls + 1));
    let chains = below.collect::<Result<Vec<Chain>>>()?.into_iter();
    let mut chain = chains.max_by_key(|chain| chain.bytes).unwrap_or_default();
    let bytes = function.stack.max(1).next_multiple_of(32);
    chain.bytes += bytes;
    chain.links.push((function.name.clone(), bytes));
    Ok(chain)
}

fn functions(elf: &[u8]) -> Result<HashMap<Place, Function>> {
    let file = object::File::parse(elf).context("the BPF object is no ELF file")?;
    let mut functions = HashMap::new();
    for symbol in file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
    {
        let Some(index) = symbol.section_index() else { continue };
        let section = file.section_by_index(index)?;
        let code = section
            .data_range(symbol.address(), symbol.size())?
            .context("a function outside of its section")?;
        let targets: HashMap<u64, Place> = section
            .relocations()
            .filter_map(|(at, relocation)| Some((at, target(&file, relocation.target())?)))
            .collect();
        let instructions: Vec<Instruction> = code.chunks(8).filter_map(Instruction::decode).collect();
        let calls = calls(&instructions, (index, symbol.address()), &targets);
        let name = symbol.name()?.to_owned();
        functions.insert(
            (index, symbol.address()),
            Function {
                name,
                stack: own_stack(&instructions),
                calls,
            },
        );
    }
    Ok(functions)
}

fn target(file: &object::File<'_>, target: RelocationTarget) -> Option<Place> {
    let RelocationTarget::Symbol(index) = target else {
        return None;
    };
    let symbol = file.symbol_by_index(index).ok()?;
    let section = symbol.section_index()?;
    // Maps are referred to in the same manner.
    let is_code = file
        .section_by_index(section)
        .is_ok_and(|section| section.kind() == SectionKind::Text);
    is_code.then(|| (section, symbol.address()))
}

/// Where the function's calls lead. An immediate counts instructions, from the next one or, with a relocation, from
/// one before the symbol.
fn calls(instructions: &[Instruction], (section, start): Place, targets: &HashMap<u64, Place>) -> Vec<Place> {
    let mut calls = Vec::new();
    let mut at = start;
    for instruction in instructions.iter().copied() {
        let by_relocation = targets.get(&at).copied();
        // A callback's address load gets its mark only when the object is loaded; until then the relocation tells.
        let refers = instruction.refers_to_function() || (instruction.opcode == 0x18 && by_relocation.is_some());
        if refers {
            let (section, base) = by_relocation.unwrap_or((section, at + INSTRUCTION));
            let skip = match (instruction.opcode, by_relocation) {
                (0x85, Some(_)) => i64::from(instruction.immediate) + 1,
                (0x85, None) => i64::from(instruction.immediate),
                _ => i64::from(instruction.immediate) / 8,
            };
            calls.push((section, base.wrapping_add_signed(skip * 8)));
        }
        at += INSTRUCTION;
    }
    calls
}

/// How far below the frame pointer a function reaches, followed through copies of it.
fn own_stack(instructions: &[Instruction]) -> u64 {
    let mut offsets: [Option<i64>; 16] = [None; 16];
    offsets[usize::from(FRAME_POINTER)] = Some(0);
    let mut lowest = 0;
    for instruction in instructions {
        let (dst, src) = (usize::from(instruction.dst), usize::from(instruction.src));
        let (class, offset) = (instruction.class(), i64::from(instruction.offset));
        match instruction.opcode {
            0xbf => offsets[dst] = offsets[src],
            0x07 => offsets[dst] = offsets[dst].map(|base| base + i64::from(instruction.immediate)),
            _ if class == 1 => {
                lowest = lowest.min(offsets[src].map_or(0, |base| base + offset));
                offsets[dst] = None;
            }
            _ if class == 2 || class == 3 => lowest = lowest.min(offsets[dst].map_or(0, |base| base + offset)),
            _ if class == 0 || class == 4 || class == 7 => offsets[dst] = None,
            _ => {}
        }
        lowest = lowest.min(offsets[dst].unwrap_or(0));
    }
    lowest.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(bytes: &[[u8; 8]]) -> Vec<Instruction> {
        bytes.iter().filter_map(|bytes| Instruction::decode(bytes)).collect()
    }

    #[test]
    fn stores_below_the_frame_pointer_count() {
        // *(u64 *)(r10 - 24) = r1; exit
        let code = code(&[[0x7b, 0x1a, 0xe8, 0xff, 0, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]]);
        assert_eq!(own_stack(&code), 24);
    }

    #[test]
    fn an_address_given_to_a_helper_counts() {
        // r2 = r10; r2 += -40; r3 = r2; r3 += -8
        let code = code(&[
            [0xbf, 0xa2, 0, 0, 0, 0, 0, 0],
            [0x07, 0x02, 0, 0, 0xd8, 0xff, 0xff, 0xff],
            [0xbf, 0x23, 0, 0, 0, 0, 0, 0],
            [0x07, 0x03, 0, 0, 0xf8, 0xff, 0xff, 0xff],
        ]);
        assert_eq!(own_stack(&code), 48);
    }

    #[test]
    fn a_register_that_got_another_value_does_not_count() {
        // r2 = r10; r2 = *(u64 *)(r1 + 0); r2 += -400
        let code = code(&[
            [0xbf, 0xa2, 0, 0, 0, 0, 0, 0],
            [0x79, 0x12, 0, 0, 0, 0, 0, 0],
            [0x07, 0x02, 0, 0, 0x70, 0xfe, 0xff, 0xff],
        ]);
        assert_eq!(own_stack(&code), 0);
    }

    #[test]
    fn the_deepest_chain_is_added_up_in_steps_of_32() {
        let place = |at| (SectionIndex(1), at);
        let function = |name: &str, stack, calls: &[u64]| Function {
            name: name.to_owned(),
            stack,
            calls: calls.iter().map(|at| place(*at)).collect(),
        };
        let mut functions = HashMap::from([
            (place(0), function("main", 40, &[8, 16])),
            (place(8), function("deep", 100, &[16])),
            (place(16), function("leaf", 0, &[])),
        ]);
        let chain = depth(&functions, place(0), 0).unwrap();
        assert_eq!(chain.bytes, 64 + 128 + 32);
        assert_eq!(chain.to_string(), "main 64 > deep 128 > leaf 32");
        functions.insert(place(16), function("leaf", 0, &[0]));
        assert!(depth(&functions, place(0), 0).is_err(), "a loop of calls must end");
    }

    #[test]
    fn calls_are_found_with_and_without_relocation() {
        let call = |immediate: i32| {
            let [a, b, c, d] = immediate.to_le_bytes();
            [0x85, 0x10, 0, 0, a, b, c, d]
        };
        let code = code(&[call(-1), call(2), [0x85, 0, 0, 0, 1, 0, 0, 0]]);
        let targets = HashMap::from([(80, (SectionIndex(7), 16))]);
        let found = calls(&code, (SectionIndex(1), 80), &targets);
        assert_eq!(found, [(SectionIndex(7), 16), (SectionIndex(1), 80 + 16 + 16)]);
    }
}
