//! Arbitrary bytes as what AWS's command line prints, in two files of which the first has a VPC. What is accepted is
//! written out again and read again, and is the same then.
#![no_main]

use groundplane::document::{Source, read};
use groundplane::export::aws;
use libfuzzer_sys::fuzz_target;

const VPC: &str = r#"{"Vpcs": [{"VpcId": "vpc-0a1b2c3d", "CidrBlock": "10.0.0.0/16", "OwnerId": "111122223333"}]}"#;

fuzz_target!(|bytes: &[u8]| {
    let sources = [Source::new("vpc.json", VPC.as_bytes()), Source::new("pl-0a1b2c3d.json", bytes)];
    match read(&sources, None) {
        Ok(first) => {
            let exported = serde_json::to_vec(&aws(&first.resources)).expect("JSON");
            let again = read(&[Source::new("all.json", exported)], None);
            assert_eq!(again.expect("an export is accepted").resources, first.resources);
        }
        Err(problems) => assert!(!problems.render(false).is_empty()),
    }
});
