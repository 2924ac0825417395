//! What reading and loading a repository costs against the bare events of `saphyr-parser` over the same files.
//!
//! `cargo bench --bench load -- PATH` prints the CPU time of both, the best of several runs, and their ratio.
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout, reason = "a program that prints a measurement")]

mod best;

use std::sync::Arc;

use best::best;
use saphyr_parser::Parser;
use tiphys::load;
use tiphys::source::worktree;

const RUNS: usize = 7;

fn main() {
    let path = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let path = path.unwrap_or_else(|| "examples/platform".to_owned());
    // One thread: wall time is CPU time.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread pool of one");
    let read = best(RUNS, || {
        pool.install(|| {
            std::hint::black_box(worktree::read(path.as_ref()).expect("a readable repository"));
        });
    });
    let snapshot = Arc::new(worktree::read(path.as_ref()).expect("a readable repository"));
    let repository = load::load(Arc::clone(&snapshot));
    let texts: Vec<Arc<str>> = snapshot
        .files()
        .filter(|(id, _)| repository.is_yaml(*id))
        .filter_map(|(id, _)| snapshot.text(id).cloned())
        .collect();
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let events = best(RUNS, || {
        for text in &texts {
            let mut parser = Parser::new_from_str(text);
            while let Some(Ok(event)) = parser.next_event() {
                std::hint::black_box(event);
            }
        }
    });
    let loaded = best(RUNS, || {
        pool.install(|| {
            std::hint::black_box(load::load(Arc::clone(&snapshot)));
        });
    });
    let ratio = loaded.as_secs_f64() / events.as_secs_f64();
    println!("{} files, {bytes} bytes of YAML", texts.len());
    println!("reading the files {read:.1?}");
    println!("bare events {events:.1?}, parse and load {loaded:.1?}, ratio {ratio:.2}");
}
