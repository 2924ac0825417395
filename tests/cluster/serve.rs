//! The admission webhook, over TLS: asked by the API server, and by clients that mean no good.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::harness::{CONFIG_MAP, ControlPlane, Kind, NAMESPACE, control_plane, eventually};
use super::repository::command;

/// A policy that has no counterpart in the API server.
const POLICY: &str = r#"# METADATA
# title: no forbidden settings
# custom:
#   id: forbidden-setting
#   severity: error
package main

import rego.v1

deny contains {"msg": "the setting `forbidden` is not allowed", "pointer": "/data/forbidden"} if {
	input.kind == "ConfigMap"
	input.data.forbidden
}

warn contains {"msg": "the setting `frowned` is frowned upon", "severity": "warning", "pointer": "/data/frowned"} if {
	input.kind == "ConfigMap"
	input.data.frowned
}
"#;

/// A server that ends with the test.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    certificates: Vec<CertificateDer<'static>>,
    authority: Vec<u8>,
    _repository: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts `tiphys serve` with the certificate that the API server made for itself: it is for 127.0.0.1.
pub(crate) fn start(plane: &ControlPlane) -> Server {
    let repository = tempfile::tempdir().expect("a directory is made");
    let write = |name: &str, text: &str| std::fs::write(repository.path().join(name), text).expect("a file is written");
    write("tiphys.yaml", "version: 1\npolicies: [policies]\n");
    std::fs::create_dir(repository.path().join("policies")).expect("a directory is made");
    write("policies/forbidden_setting.rego", POLICY);
    let directory = plane.kubeconfig.with_file_name("certificates");
    let certificate = directory.join("apiserver.crt");
    let mut command = command();
    command.arg("serve").arg(repository.path()).args(["--listen", "127.0.0.1:0"]);
    command.arg("--tls-cert").arg(&certificate).arg("--tls-key").arg(directory.join("apiserver.key"));
    let mut process = command.stderr(Stdio::piped()).spawn().expect("tiphys starts");
    let mut line = String::new();
    let mut errors = BufReader::new(process.stderr.take().expect("the errors are piped"));
    errors.read_line(&mut line).expect("the errors are text");
    let address = line.trim().rsplit_once("https://").expect("the server says where it listens").1;
    let authority = std::fs::read(&certificate).expect("the certificate is there");
    Server {
        process,
        address: address.parse().expect("an address"),
        certificates: CertificateDer::pem_slice_iter(&authority).map(|found| found.expect("PEM")).collect(),
        authority,
        _repository: repository,
    }
}

impl Server {
    /// A webhook configuration that has the API server ask for objects in `namespace`.
    pub(crate) fn webhook(&self, name: &str, namespace: &str) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [{
                "name": "validate.tiphys.example.com",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 30,
                "clientConfig": {
                    "url": format!("https://{}/validate", self.address),
                    "caBundle": base64::engine::general_purpose::STANDARD.encode(&self.authority),
                },
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{
                    "apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE", "DELETE"],
                    "resources": ["configmaps", "deployments"],
                }],
            }],
        })
    }

    /// Sends `request` as it is, and returns the status and the body.
    fn send(&self, request: &[u8]) -> (u16, String) {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.certificates.clone());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the versions are known")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").expect("an address is a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a connection is made");
        let socket = TcpStream::connect(self.address).expect("the server listens");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a time is set");
        let mut stream = StreamOwned::new(connection, socket);
        // A server that has heard enough closes before everything is sent.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut part) {
            answer.extend_from_slice(&part[..length]);
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    fn post(&self, path: &str, body: &[u8]) -> (u16, String) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat())
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
    }
}

#[test]
fn the_api_server_refuses_what_the_webhook_refuses() {
    let Some(plane) = control_plane() else { return };
    let server = start(plane);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "admitted"}});
    plane.apply(NAMESPACE, "", &namespace).expect("a namespace is made");
    let webhooks = Kind("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration");
    let configuration = server.webhook("tiphys", "admitted");
    plane.apply(webhooks, "", &configuration).expect("the webhook is registered");
    let map = |name: &str, key: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {key: "yes"}});
    // The API server takes a moment until it asks a new webhook.
    let refused = || plane.apply(CONFIG_MAP, "admitted", &map("bad", "forbidden")).err();
    eventually("the webhook is asked", || refused().is_some());
    let error = refused().unwrap_or_default();
    assert!(error.contains("/data/forbidden: the setting `forbidden` is not allowed"), "{error}");
    assert!(error.contains("forbidden-setting"), "{error}");
    plane.apply(CONFIG_MAP, "admitted", &map("good", "allowed")).expect("a good object is let in");
    plane.delete(CONFIG_MAP, "admitted", "good");
    plane.delete(webhooks, "", "tiphys");
}

#[test]
fn requests_that_are_no_reviews_are_told_so() {
    let Some(plane) = control_plane() else { return };
    let server = start(plane);
    assert_eq!(server.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(server.get("/readyz").0, 200);
    assert_eq!(server.get("/").0, 404);
    assert_eq!(server.get("/validate").0, 405);
    assert_eq!(server.post("/validate", b"").0, 400);
    assert_eq!(server.post("/validate", b"{\"kind\": 1}").0, 400);
    assert_eq!(server.post("/validate", &b"[".repeat(100_000)).0, 400);
    assert_eq!(server.post("/validate", &[0xff; 64]).0, 400);
    let wrong = server.post("/validate", br#"{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}"#);
    assert_eq!(wrong.0, 400);
    assert!(wrong.1.contains("admission.k8s.io/v1"), "{}", wrong.1);
    let large = "POST /validate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 900000000\r\n\r\n";
    assert_eq!(server.send(large.as_bytes()).0, 413);
    assert_eq!(server.send(b"nonsense\r\n\r\n").0, 400);
    assert_eq!(server.get("/healthz").0, 200, "it still serves");
}

#[test]
fn a_review_is_answered_with_findings_and_warnings() {
    let Some(plane) = control_plane() else { return };
    let server = start(plane);
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "7", "operation": "CREATE", "object": {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"},
            "data": {"frowned": "yes"}, "datum": {},
        }},
    });
    let (status, body) = server.post("/validate", review.to_string().as_bytes());
    assert_eq!(status, 200, "{body}");
    let response = serde_json::from_str::<Value>(&body).expect("the answer is JSON")["response"].clone();
    assert_eq!((response["uid"].as_str(), response["allowed"].as_bool()), (Some("7"), Some(false)));
    let message = response["status"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("/datum"), "{message}");
    assert!(response["warnings"][0].as_str().unwrap_or_default().contains("frowned"), "{response}");
}
