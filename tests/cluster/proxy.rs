//! A server between tiphys and the control plane, which fails as it is told to. It speaks plain HTTP, and has the rights
//! of the control plane's administrator.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::harness::{ControlPlane, client};

/// What becomes of a request.
pub(crate) enum Fault {
    /// It is handed on.
    None,
    /// It is handed on after a while.
    Late(Duration),
    /// It is answered with a status: its code, its reason and a message.
    Answer(u16, &'static str, &'static str),
    /// It is not answered.
    Silence,
    /// It is handed on, and its answer is lost.
    Lost,
}

/// A request, as faults are chosen by it.
pub(crate) struct Asked {
    /// How many there were before.
    pub(crate) number: usize,
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
}

impl Asked {
    /// Whether something is to be changed, and not only tried or asked.
    pub(crate) fn writes(&self) -> bool {
        self.method != "GET" && !self.path.contains("dryRun=All")
    }
}

/// Runs until it is dropped.
pub(crate) struct Proxy {
    /// The control plane, seen through it.
    pub(crate) front: ControlPlane,
    /// Its URL.
    pub(crate) address: String,
    _directory: TempDir,
    _runtime: tokio::runtime::Runtime,
}

/// The connection is closed in place of an answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
struct NoAnswer;

impl Proxy {
    /// Stands before `plane`; `fault` says what becomes of each request.
    pub(crate) fn start(plane: &ControlPlane, fault: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> Proxy {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let directory = tempfile::tempdir().expect("a directory is made");
        let kubeconfig = directory.path().join("kubeconfig");
        let (behind, fault, count) = (plane.kubeconfig.clone(), Arc::new(fault), Arc::new(AtomicUsize::new(0)));
        let address = runtime.block_on(async {
            let client = client(&behind).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            let address = listener.local_addr().expect("it listens");
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (client, fault, count) = (client.clone(), Arc::clone(&fault), Arc::clone(&count));
                    tokio::spawn(async move {
                        let service = service_fn(move |request: Request<Incoming>| {
                            let asked = Asked {
                                number: count.fetch_add(1, Ordering::Relaxed),
                                method: request.method().to_string(),
                                path: request.uri().to_string(),
                            };
                            answer(client.clone(), fault(&asked), request)
                        });
                        let http = hyper::server::conn::http1::Builder::new();
                        let _ = http.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
            });
            address
        });
        let address = format!("http://{address}");
        write_kubeconfig(&kubeconfig, &[("test", &address)]);
        Proxy { front: ControlPlane::behind(kubeconfig), address, _directory: directory, _runtime: runtime }
    }
}

/// Writes a kubeconfig with a context for each server, without credentials.
pub(crate) fn write_kubeconfig(path: &Path, servers: &[(&str, &str)]) {
    let clusters: Vec<Value> =
        servers.iter().map(|(name, server)| json!({"name": name, "cluster": {"server": server}})).collect();
    let contexts: Vec<Value> =
        servers.iter().map(|(name, _)| json!({"name": name, "context": {"cluster": name, "user": "nobody"}})).collect();
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": servers[0].0, "clusters": clusters,
        "contexts": contexts, "users": [{"name": "nobody", "user": {}}]});
    std::fs::write(path, config.to_string()).expect("the kubeconfig is written");
}

async fn answer(client: kube::Client, fault: Fault, request: Request<Incoming>) -> Result<Response<Body>, NoAnswer> {
    match fault {
        Fault::None => hand_on(client, request).await,
        Fault::Late(pause) => {
            tokio::time::sleep(pause).await;
            hand_on(client, request).await
        }
        Fault::Lost => {
            hand_on(client, request).await?.into_body().collect().await.map_err(|_| NoAnswer)?;
            Err(NoAnswer)
        }
        Fault::Silence => Err(NoAnswer),
        Fault::Answer(code, reason, message) => {
            let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code,
                "reason": reason, "message": message});
            let answer = Response::builder().status(code).header("Content-Type", "application/json");
            Ok(answer.body(Body::from(status.to_string().into_bytes())).expect("an answer is made"))
        }
    }
}

async fn hand_on(client: kube::Client, request: Request<Incoming>) -> Result<Response<Body>, NoAnswer> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let target = parts.uri.path_and_query().ok_or(NoAnswer)?.as_str();
    let mut onward = Request::builder().method(parts.method).uri(target);
    for name in ["accept", "content-type"] {
        if let Some(value) = parts.headers.get(name) {
            onward = onward.header(name, value);
        }
    }
    let onward = onward.body(Body::from(body.to_vec())).map_err(|_| NoAnswer)?;
    let mut answer = client.send(onward).await.map_err(|_| NoAnswer)?;
    for name in ["connection", "content-length", "transfer-encoding"] {
        answer.headers_mut().remove(name);
    }
    Ok(answer)
}
