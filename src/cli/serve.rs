//! `tiphys serve`

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::input::InputArgs;
use super::sync::stop_asked;
use super::{Failure, Status, runtime};
use crate::finding::{Profile, Severity};
use crate::{run, serve};

/// Arguments of `tiphys serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,
    /// The choice of rules; the configuration's, else recommended
    #[arg(long, value_name = "PROFILE", value_parser = super::check::profile)]
    profile: Option<Profile>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// The certificate chain, PEM
    #[arg(long, value_name = "FILE")]
    tls_cert: PathBuf,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Status, Failure> {
    let usage = |error: serve::ServeError| Failure::Usage(error.to_string());
    let [certificate, key] = [&args.tls_cert, &args.tls_key].map(|path| read(path));
    let shown = |path: &Path| path.display().to_string();
    let tls = serve::tls((&shown(&args.tls_cert), &certificate?), (&shown(&args.tls_key), &key?)).map_err(usage)?;
    let input = args.input.read()?;
    let (admission, findings) = run::admission(&input, args.profile);
    // What a policy that does not compile would refuse must not be let in.
    if let Some(finding) = findings.iter().find(|finding| finding.severity == Severity::Error) {
        let path = input.snapshot.path(finding.mark.file);
        return Err(Failure::Usage(format!(
            "{path}:{}:{}: {}",
            finding.mark.line, finding.mark.column, finding.message
        )));
    }
    runtime()?.block_on(async {
        let listener = serve::listen(args.listen).await.map_err(usage)?;
        let address = listener.local_addr().map_err(|error| Failure::Internal(error.to_string()))?;
        let _ = writeln!(io::stderr(), "tiphys: listening on https://{address}");
        serve::serve(listener, tls, Arc::new(admission), stop_asked()).await;
        Ok(Status::Clean)
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}
