//! Prints an input of the fuzz target `dataplane` as a scenario: every frame spelled out.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("cargo run -p checks --example concrete -- INPUT > box.toml");
        return ExitCode::from(2);
    };
    match std::fs::read(&path) {
        Ok(bytes) => {
            print!("{}", checks::dataplane::concrete(&bytes));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{}: {why}", path.to_string_lossy());
            ExitCode::from(3)
        }
    }
}
