//! A folder of captures from elsewhere, if there is one: `LOCKSTEP_CAPTURES` names it. Its
//! `INDEX.tsv` says what tshark makes of each file.

use super::super::CaptureInfo;
use std::fs;
use std::path::Path;

#[test]
fn each_capture_of_the_corpus_has_the_packets_tshark_counts_or_is_refused_for_a_reason() {
    let Some(folder) = std::env::var_os("LOCKSTEP_CAPTURES") else {
        eprintln!("skipped: LOCKSTEP_CAPTURES names no folder of captures");
        return;
    };
    let folder = Path::new(&folder);
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let mut read = 0;
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (file, packets, link_type, tshark) = (columns[0], columns[1], columns[2], columns[8]);
        if packets.is_empty() {
            continue;
        }
        let info = CaptureInfo::scan(&folder.join(file));
        match info {
            Ok(info) => {
                assert!(tshark.starts_with("ok"), "{file} was accepted, but tshark says {tshark}");
                assert_eq!(info.packets.to_string(), packets, "{file}");
                read += 1;
            }
            Err(error) => {
                let ethernet = link_type == "1 Ethernet";
                assert!(!ethernet || !tshark.starts_with("ok"), "{file} was refused: {error}");
                eprintln!("{error}");
            }
        }
    }
    eprintln!("{read} captures read");
}
