//! The clusters that an Argo CD knows: its cluster Secrets in, connections out.
//!
//! Tokens, passwords and certificates are used as they stand. A Secret may also name a program that fetches credentials;
//! whoever can write Secrets would run programs here, so that is only done when it is asked for.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::Kubeconfig;
use serde_json::{Value, json};

use super::{Cluster, SyncError};
use crate::resolve::cluster::{IN_CLUSTER_NAME, IN_CLUSTER_SERVER, SECRET_TYPE};

/// The clusters of one Argo CD.
pub struct Registry {
    management: Cluster,
    known: Vec<Registered>,
    concurrency: usize,
    allow_exec: bool,
}

/// One cluster Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Registered {
    name: String,
    server: String,
    config: Value,
}

impl Registry {
    /// Reads the cluster Secrets in `namespace` of the cluster that `context` leads to.
    ///
    /// # Errors
    /// When it cannot be reached, or they cannot be read.
    pub async fn read(
        kubeconfig: Option<&Path>,
        context: &str,
        namespace: &str,
        concurrency: usize,
        allow_exec: bool,
    ) -> Result<Registry, SyncError> {
        let management = Cluster::connect(kubeconfig, Some(context), concurrency).await?;
        let secret = management.known("v1", "Secret").ok_or_else(|| SyncError::UnknownKind {
            object: "cluster Secrets".to_owned(),
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
        })?;
        let (secrets, _) = management.select(&secret, namespace, &format!("{SECRET_TYPE}=cluster")).await?;
        let mut known: Vec<Registered> = secrets.iter().map(registered).collect::<Result<_, _>>()?;
        known.sort_by(|a, b| (&a.server, &a.name).cmp(&(&b.server, &b.name)));
        Ok(Registry { management, known, concurrency, allow_exec })
    }

    /// Connects to the cluster of that server, or else of that name. The one that Argo CD runs in needs no Secret.
    ///
    /// # Errors
    /// When no Secret is of it, or it does not answer.
    pub async fn connect(self, server: &str, name: &str) -> Result<Cluster, SyncError> {
        let wanted = server.trim_end_matches('/');
        let found = self
            .known
            .iter()
            .find(|one| one.server.trim_end_matches('/') == wanted)
            .or_else(|| self.known.iter().find(|one| one.name == server || !name.is_empty() && one.name == name));
        let Some(found) = found else {
            let own = wanted == IN_CLUSTER_SERVER || server == IN_CLUSTER_NAME;
            return if own { Ok(self.management) } else { Err(SyncError::Unmapped(server.to_owned())) };
        };
        // Where Argo CD itself runs, its own address means nothing to anybody else.
        if found.server.trim_end_matches('/') == IN_CLUSTER_SERVER {
            return Ok(self.management);
        }
        let fault = |reason: String| SyncError::ClusterSecret { cluster: found.server.clone(), reason };
        let kubeconfig = found.kubeconfig(self.allow_exec).map_err(fault)?;
        let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).map_err(|error| fault(error.to_string()))?;
        Cluster::with(kubeconfig, None, self.concurrency).await
    }
}

fn registered(secret: &Value) -> Result<Registered, SyncError> {
    let text = |key: &str| -> Option<String> {
        let bytes = STANDARD.decode(secret["data"][key].as_str()?).ok()?;
        Some(String::from_utf8(bytes).ok()?.trim().to_owned())
    };
    let server = text("server").unwrap_or_default();
    let name = text("name").unwrap_or_default();
    let fault = |reason: &str| {
        let shown = secret["metadata"]["name"].as_str().unwrap_or_default();
        SyncError::ClusterSecret { cluster: shown.to_owned(), reason: reason.to_owned() }
    };
    if server.is_empty() {
        return Err(fault("it names no server"));
    }
    let config = match text("config") {
        // The text is never shown: it holds the credentials.
        Some(text) => serde_json::from_str(&text).map_err(|_| fault("its config is no JSON"))?,
        None => json!({}),
    };
    Ok(Registered { name, server, config })
}

impl Registered {
    /// The same as a kubeconfig of one context.
    fn kubeconfig(&self, allow_exec: bool) -> Result<Value, String> {
        let config = &self.config;
        let tls = &config["tlsClientConfig"];
        let given = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let insecure = tls["insecure"].as_bool().unwrap_or(false);
        let cluster = json!({
            "server": self.server,
            "insecure-skip-tls-verify": insecure,
            "tls-server-name": given(&tls["serverName"]),
            // Argo CD refuses both at once; whoever does not look at certificates needs no authority.
            "certificate-authority-data": given(&tls["caData"]).filter(|_| !insecure),
            "proxy-url": given(&config["proxyUrl"]),
        });
        let exec = self.exec()?;
        if exec.is_some() && !allow_exec {
            return Err("it names a program that fetches credentials; see --allow-exec".to_owned());
        }
        let user = json!({
            "token": given(&config["bearerToken"]),
            "username": given(&config["username"]),
            "password": given(&config["password"]),
            "client-certificate-data": given(&tls["certData"]),
            "client-key-data": given(&tls["keyData"]),
            "exec": exec,
        });
        let present = |value: Value| match value {
            Value::Object(fields) => Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect()),
            other => other,
        };
        Ok(json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "cluster",
            "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": "cluster"}}],
            "clusters": [{"name": "cluster", "cluster": present(cluster)}],
            "users": [{"name": "cluster", "user": present(user)}],
        }))
    }

    /// The program that fetches credentials, if there is one: Argo CD's own for AWS.
    fn exec(&self) -> Result<Option<Value>, String> {
        let aws = &self.config["awsAuthConfig"];
        if aws.is_object() {
            let name = aws["clusterName"].as_str().ok_or("awsAuthConfig names no cluster")?;
            let mut arguments = vec!["aws".to_owned(), "--cluster-name".to_owned(), name.to_owned()];
            for (key, flag) in [("roleARN", "--role-arn"), ("profile", "--profile")] {
                if let Some(value) = aws[key].as_str().filter(|value| !value.is_empty()) {
                    arguments.extend([flag.to_owned(), value.to_owned()]);
                }
            }
            return Ok(Some(json!({"apiVersion": "client.authentication.k8s.io/v1beta1",
                "command": "argocd-k8s-auth", "args": arguments, "interactiveMode": "Never"})));
        }
        let provider = &self.config["execProviderConfig"];
        let Some(command) = provider["command"].as_str().filter(|command| !command.is_empty()) else { return Ok(None) };
        let environment: Vec<Value> = provider["env"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        Ok(Some(json!({"apiVersion": provider["apiVersion"], "command": command, "args": provider["args"],
            "env": environment, "installHint": provider["installHint"], "interactiveMode": "Never"})))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(config: &Value) -> Value {
        let encoded = |text: &str| STANDARD.encode(text);
        json!({"metadata": {"name": "cluster-eu"}, "data": {"name": encoded("eu"),
            "server": encoded("https://eu.example.com:6443"), "config": encoded(&config.to_string())}})
    }

    fn kubeconfig(config: &Value, allow_exec: bool) -> Result<Value, String> {
        registered(&secret(config)).expect("the Secret is whole").kubeconfig(allow_exec)
    }

    #[test]
    fn credentials_are_used_as_they_stand() {
        let config =
            json!({"bearerToken": "t", "tlsClientConfig": {"insecure": false, "caData": "Y2E=", "serverName": "api"}});
        let made = kubeconfig(&config, false).expect("it can be used");
        assert_eq!(made["users"][0]["user"], json!({"token": "t"}));
        let expected = json!({"server": "https://eu.example.com:6443", "insecure-skip-tls-verify": false,
            "tls-server-name": "api", "certificate-authority-data": "Y2E="});
        assert_eq!(made["clusters"][0]["cluster"], expected);
        assert!(serde_json::from_value::<Kubeconfig>(made).is_ok());
        let config =
            json!({"username": "u", "password": "p", "tlsClientConfig": {"certData": "Yw==", "keyData": "aw=="}});
        let made = kubeconfig(&config, false).expect("it can be used");
        let expected =
            json!({"username": "u", "password": "p", "client-certificate-data": "Yw==", "client-key-data": "aw=="});
        assert_eq!(made["users"][0]["user"], expected);
    }

    #[test]
    fn a_program_runs_only_when_that_is_asked_for() {
        let aws = json!({"awsAuthConfig": {"clusterName": "eu", "roleARN": "arn"}});
        let other = json!({"execProviderConfig": {"command": "fetch", "args": ["now"], "env": {"A": "b"},
            "apiVersion": "client.authentication.k8s.io/v1beta1"}});
        for config in [&aws, &other] {
            assert!(kubeconfig(config, false).is_err());
        }
        let made = kubeconfig(&aws, true).expect("it is asked for");
        let exec = &made["users"][0]["user"]["exec"];
        assert_eq!(exec["args"], json!(["aws", "--cluster-name", "eu", "--role-arn", "arn"]));
        let made = kubeconfig(&other, true).expect("it is asked for");
        assert_eq!(made["users"][0]["user"]["exec"]["env"], json!([{"name": "A", "value": "b"}]));
    }

    #[test]
    fn a_secret_that_is_not_whole_is_told_without_its_content() {
        let mut broken = secret(&json!({}));
        broken["data"]["config"] = json!(STANDARD.encode("{\"bearerToken\": \"geheim\""));
        let told = registered(&broken).expect_err("it is broken").to_string();
        assert_eq!(told, "cluster Secret of cluster-eu: its config is no JSON");
    }
}
