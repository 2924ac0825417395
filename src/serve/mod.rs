//! Admission requests in, admission responses out, over HTTPS.
//!
//! `POST /validate` takes an AdmissionReview of `admission.k8s.io/v1` (see [`review`]); `GET /healthz` and `GET /readyz`
//! say that the server is up. A request is bounded in size and in time, and so are connections in number. What is no
//! AdmissionReview is answered with 400; nothing that a client sends ends the server.

pub mod review;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::check::admission::Admission;

/// The largest request. The API server sends the old and the new object, each of at most 1.5 MiB in its store, and
/// custom resources may grow when they are converted.
pub const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// How long a handshake, the headers of a request, and its body may each take to arrive.
pub const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How many connections are served at once; more wait.
pub const MAX_CONNECTIONS: usize = 512;
/// How many objects are judged at once; more wait.
const MAX_JUDGEMENTS: usize = 8;

/// Why the server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The certificate or the key cannot be used. Give PEM files that belong together.
    #[error("{path}: {reason}")]
    Tls {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address cannot be listened on: it is taken, or not this machine's.
    #[error("{address}: {reason}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
}

/// Reads a certificate chain and its key, both PEM.
///
/// # Errors
/// When one of them is not what it should be.
pub fn tls(certificate: (&str, &[u8]), key: (&str, &[u8])) -> Result<Arc<ServerConfig>, ServeError> {
    let fault = |path: &str, reason: &dyn std::fmt::Display| ServeError::Tls {
        path: path.to_owned(),
        reason: reason.to_string(),
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.1).collect();
    let chain = chain.map_err(|error| fault(certificate.0, &error))?;
    if chain.is_empty() {
        return Err(fault(certificate.0, &"no certificate in it"));
    }
    let private = PrivateKeyDer::from_pem_slice(key.1).map_err(|error| fault(key.0, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(certificate.0, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| fault(key.0, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Listens on `address`.
///
/// # Errors
/// When the system refuses.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| ServeError::Listen { address, reason: error.to_string() })
}

/// Serves until `stop` is ready, and then ends the requests that are under way.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    admission: Arc<Admission>,
    stop: impl Future<Output = ()>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let judgements = Arc::new(Semaphore::new(MAX_JUDGEMENTS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { break };
        let stream = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of file descriptors, or the client went already: neither lasts.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (acceptor, admission, judgements) = (acceptor.clone(), Arc::clone(&admission), Arc::clone(&judgements));
        tokio::spawn(async move {
            let _permit = permit;
            let Ok(Ok(stream)) = tokio::time::timeout(READ_TIMEOUT, acceptor.accept(stream)).await else { return };
            let service = service_fn(move |request| answer(request, Arc::clone(&admission), Arc::clone(&judgements)));
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(READ_TIMEOUT);
            builder.http2().timer(TokioTimer::new()).max_concurrent_streams(64);
            // A connection that breaks concerns only its client.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
    // Every permit is free again when the last connection ended; idle ones are not waited for.
    let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(Duration::from_secs(2), connections.acquire_many(all)).await;
}

type Answer = Response<Full<Bytes>>;

async fn answer(
    request: Request<Incoming>,
    admission: Arc<Admission>,
    judgements: Arc<Semaphore>,
) -> Result<Answer, Infallible> {
    let method = request.method().clone();
    Ok(match (request.uri().path(), &method) {
        ("/healthz" | "/readyz", &Method::GET | &Method::HEAD) => text(StatusCode::OK, "ok"),
        ("/validate", &Method::POST) => validate(request, admission, judgements).await,
        ("/healthz" | "/readyz", _) => not_allowed("GET, HEAD"),
        ("/validate", _) => not_allowed("POST"),
        _ => text(StatusCode::NOT_FOUND, "there are /validate, /healthz and /readyz"),
    })
}

async fn validate(request: Request<Incoming>, admission: Arc<Admission>, judgements: Arc<Semaphore>) -> Answer {
    let too_large =
        || text(StatusCode::PAYLOAD_TOO_LARGE, &format!("the body has more than {MAX_REQUEST_BYTES} bytes"));
    // Said before it is sent: who is still sending when the connection closes may never see the answer.
    if request.body().size_hint().lower() > MAX_REQUEST_BYTES as u64 {
        return too_large();
    }
    let body = Limited::new(request.into_body(), MAX_REQUEST_BYTES).collect();
    let body = match tokio::time::timeout(READ_TIMEOUT, body).await {
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return too_large();
        }
        Ok(Err(error)) => return text(StatusCode::BAD_REQUEST, &format!("the body cannot be read: {error}")),
        Ok(Ok(body)) => body.to_bytes(),
    };
    let Ok(_permit) = judgements.acquire().await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the server is ending");
    };
    let today = chrono::Utc::now().date_naive();
    let answered = tokio::task::spawn_blocking(move || review::answer(&admission, &body, today)).await;
    match answered {
        Ok(Ok(review)) => {
            let mut response = Response::new(Full::new(Bytes::from(review)));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Ok(Err(error)) => text(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the object could not be judged"),
    }
}

fn text(status: StatusCode, message: &str) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(format!("{message}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, methods);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}
