//! Packed charts: the files of a `.tgz`, within limits that a bomb does not pass.

use std::io::Read;

use flate2::read::GzDecoder;
use tar::Archive;

use super::{Content, File, normalize};

/// What all files of an archive may hold together, in bytes. Helm has the same limit.
const MAX_BYTES: u64 = 100 << 20;
/// What one file of an archive may hold, in bytes.
const MAX_FILE_BYTES: u64 = 5 << 20;
/// Files of an archive.
const MAX_FILES: usize = 10_000;
/// Archives within archives.
const MAX_DEPTH: usize = 5;

/// Whether a path names a packed chart.
pub fn is_archive(path: &str) -> bool {
    path.ends_with(".tgz")
}

/// The files of the archive at `path`, below that path, without the directory that all of them lie in. Archives within
/// it are unpacked too.
///
/// # Errors
/// Why it cannot be unpacked: it is broken, too large, or holds paths that lead out of it.
pub fn unpack(path: &str, bytes: &[u8]) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    let mut left = MAX_BYTES;
    unpack_within(path, bytes, 0, &mut left, &mut files)?;
    Ok(files)
}

fn unpack_within(path: &str, bytes: &[u8], depth: usize, left: &mut u64, files: &mut Vec<File>) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!("archives are nested deeper than {MAX_DEPTH} levels"));
    }
    if bytes.get(..2) != Some(&[0x1f, 0x8b]) {
        return Err("it is no gzip archive".to_owned());
    }
    // Room for headers: what the files hold is counted below.
    let mut archive = Archive::new(GzDecoder::new(bytes).take(2 * MAX_BYTES));
    let broken = |error: std::io::Error| error.to_string();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path().map_err(broken)?.to_string_lossy().replace('\\', "/");
        let Some((_, name)) = name.trim_start_matches("./").split_once('/') else {
            return Err("chart base directory not found in it".to_owned());
        };
        let name = normalize("", name).filter(|name| !name.is_empty());
        let name = name.ok_or("it holds a path that leads out of it")?;
        let size = entry.size();
        if size > MAX_FILE_BYTES {
            return Err(format!("{name} is larger than {MAX_FILE_BYTES} bytes"));
        }
        *left = left.checked_sub(size).ok_or_else(|| format!("its files hold more than {MAX_BYTES} bytes"))?;
        if files.len() >= MAX_FILES {
            return Err(format!("it holds more than {MAX_FILES} files"));
        }
        let mut content = Vec::with_capacity(size as usize);
        entry.by_ref().take(MAX_FILE_BYTES).read_to_end(&mut content).map_err(broken)?;
        let name = format!("{path}/{name}");
        if is_archive(&name) {
            unpack_within(&name, &content, depth + 1, left, files)?;
        } else {
            files.push(File { path: name.into(), content: Content::of(content) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            // Written by hand: the crate itself refuses paths that lead out.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            builder.append(&header, content.as_slice()).unwrap();
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&builder.into_inner().unwrap()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_packed_chart_is_unpacked_with_the_charts_in_it() {
        let inner = packed(&[("base/Chart.yaml", b"name: base".to_vec())]);
        let outer = packed(&[("web/Chart.yaml", b"name: web".to_vec()), ("web/charts/base-1.tgz", inner)]);
        let files = unpack("charts/web.tgz", &outer).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| &*file.path).collect();
        assert_eq!(paths, ["charts/web.tgz/Chart.yaml", "charts/web.tgz/charts/base-1.tgz/Chart.yaml"]);
    }

    #[test]
    fn a_bomb_or_a_path_that_leads_out_is_refused() {
        let large = packed(&[("web/a", vec![0; 6 << 20])]);
        assert!(unpack("a.tgz", &large).unwrap_err().contains("larger than"));
        let many: Vec<(&str, Vec<u8>)> = (0..21).map(|_| ("web/a", vec![0; 5 << 20])).collect();
        assert!(unpack("a.tgz", &packed(&many)).unwrap_err().contains("more than"));
        let out = packed(&[("web/../../etc/passwd", b"x".to_vec())]);
        assert!(unpack("a.tgz", &out).unwrap_err().contains("leads out"));
        assert!(unpack("a.tgz", b"no archive").is_err());
        assert!(unpack("a.tgz", &large[..large.len() / 2]).is_err());
    }
}
