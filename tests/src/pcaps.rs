//! Our own captures: each has a row in their table, and each row a file.

use crate::cli::repository;

#[test]
fn every_capture_has_a_row_and_every_row_a_file() {
    let folder = repository().join("pcaps");
    let table = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let named = |line: &str| {
        let cell = line.strip_prefix("| `")?;
        cell.split_once('`').map(|(name, _)| name.to_owned())
    };
    let mut rows: Vec<String> = table.lines().filter_map(named).collect();
    rows.retain(|name| name.contains(".pcap"));
    rows.sort();
    let names = |within: &str| {
        let entries = std::fs::read_dir(folder.join(within)).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            format!("{within}{}", entry.unwrap().file_name().to_string_lossy())
        };
        entries.map(name).collect::<Vec<_>>()
    };
    let mut files = [names(""), names("kernel/")].concat();
    files.retain(|name| name.contains(".pcap"));
    files.sort();
    assert!(!files.is_empty());
    assert_eq!(rows, files);
}
