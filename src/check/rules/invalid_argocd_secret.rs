//! `invalid-argocd-secret`

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::check::ResourceContext;
use crate::finding::{Check, Finding, declare_rule, nearest};
use crate::resolve::cluster::SECRET_TYPE;
use crate::yaml::Node;

declare_rule! {
    /// Reports Secrets that register a cluster, a repository or credentials and lack what Argo CD needs of them, or hold
    /// what it cannot read. No value is shown.
    ///
    /// ## Why it matters
    /// A cluster whose `config` is no JSON makes Argo CD fail to list its clusters; a repository without `url` is none.
    ///
    /// ## Example
    /// ```yaml
    /// metadata:
    ///   labels: {argocd.argoproj.io/secret-type: cluster}
    /// stringData:
    ///   name: prod
    ///   config: '{tlsClientConfig: {insecure: true}}'
    /// ```
    ///
    /// ## Instead
    /// ```yaml
    /// stringData:
    ///   name: prod
    ///   server: https://prod.example.com
    ///   config: '{"tlsClientConfig": {"insecure": true}}'
    /// ```
    "invalid-argocd-secret" = {
        summary: "Argo CD cannot use the Secret",
        severity: Error,
        profile: Recommended,
        since: "0.1.0",
        check: Check::Resource(check),
    }
}

const CONFIG: [&str; 8] = [
    "username",
    "password",
    "bearerToken",
    "tlsClientConfig",
    "awsAuthConfig",
    "execProviderConfig",
    "disableCompression",
    "proxyUrl",
];
const TLS: [&str; 5] = ["insecure", "serverName", "certData", "keyData", "caData"];
const AWS: [&str; 3] = ["clusterName", "roleARN", "profile"];
const EXEC: [&str; 6] = ["command", "args", "env", "apiVersion", "installHint", "provideClusterInfo"];
const CLUSTER_BOOLEANS: [&str; 1] = ["clusterResources"];
const REPOSITORY_BOOLEANS: [&str; 7] = [
    "insecure",
    "insecureIgnoreHostKey",
    "enableLfs",
    "enableOCI",
    "insecureOCIForceHttp",
    "forceHttpBasicAuth",
    "useAzureWorkloadIdentity",
];

fn check(context: &ResourceContext<'_>, findings: &mut Vec<Finding>) {
    let resource = context.resource;
    if resource.kind() != "Secret" || !resource.group().is_empty() {
        return;
    }
    let mut secret = Secret { context, findings };
    match resource.label(SECRET_TYPE) {
        Some("cluster") => secret.cluster(),
        Some("repository" | "repository-write") => {
            secret.required("url");
            secret.repository();
        }
        Some("repo-creds" | "repo-write-creds") => {
            secret.required("url");
            secret.repository();
        }
        _ => {}
    }
}

struct Secret<'c, 'w, 'f> {
    context: &'c ResourceContext<'w>,
    findings: &'f mut Vec<Finding>,
}

impl<'c> Secret<'c, '_, '_> {
    fn wrong(&mut self, node: &Node, pointer: &str, message: String, help: &str) {
        let finding = self.context.finding(&RULE, node, pointer).message(message);
        self.findings.push(if help.is_empty() { finding } else { finding.help(help) });
    }

    /// A field of the Secret: where it stands, and its text if it can be read.
    fn field(&self, key: &str) -> Option<(&'c Node, Option<String>)> {
        let node = &self.context.resource.node;
        if let Some(plain) = node.path(&["stringData", key]) {
            return Some((plain, plain.text().map(str::to_owned)));
        }
        let encoded = node.path(&["data", key])?;
        let bytes = encoded.text().and_then(|text| STANDARD.decode(text.trim()).ok());
        Some((encoded, bytes.and_then(|bytes| String::from_utf8(bytes).ok())))
    }

    /// The text of a field, where it is no placeholder for another tool.
    fn text(&self, key: &str) -> Option<(&'c Node, String)> {
        let (node, text) = self.field(key)?;
        let text = text?;
        let placeholder = ["{{", "${", "<path:", "ENC[", "<"].iter().any(|mark| text.trim().starts_with(mark));
        (!placeholder && !text.contains("{{") && !text.contains("${")).then_some((node, text))
    }

    /// Whether all data is written in the object.
    fn is_plain(&self) -> bool {
        let node = &self.context.resource.node;
        ["stringData", "data"].into_iter().any(|key| node.get(key).is_some_and(|data| !data.entries().is_empty()))
    }

    fn required(&mut self, key: &str) {
        let head = &self.context.resource.node;
        let at = head.get("stringData").or(head.get("data"));
        match self.field(key) {
            None if self.is_plain() => {
                let message = format!("the Secret has no `{key}`");
                self.wrong(at.unwrap_or(head), "/stringData", message, "Argo CD ignores or refuses it");
            }
            Some((node, Some(text))) if text.trim().is_empty() => {
                self.wrong(node, &format!("/stringData/{key}"), format!("`{key}` is empty"), "");
            }
            _ => {}
        }
    }

    fn cluster(&mut self) {
        self.required("server");
        if let Some((node, server)) = self.text("server")
            && !server.trim().is_empty()
            && !server.contains("://")
        {
            self.wrong(node, "/stringData/server", "`server` is no URL".to_owned(), "begin it with https://");
        }
        if let Some((node, shard)) = self.text("shard")
            && shard.trim().parse::<i64>().is_err()
        {
            self.wrong(node, "/stringData/shard", "`shard` is no number".to_owned(), "");
        }
        self.booleans(&CLUSTER_BOOLEANS);
        self.config();
    }

    fn config(&mut self) {
        let Some((node, text)) = self.text("config").filter(|(_, text)| !text.is_empty()) else { return };
        let pointer = "/stringData/config";
        let config: serde_json::Value = match serde_json::from_str(&text) {
            Ok(config) => config,
            Err(error) => {
                // The words of the parser may hold what stands there; its place does not.
                let message = format!("`config` is no JSON: line {}, column {}", error.line(), error.column());
                self.wrong(node, pointer, message, "write it as JSON, with its keys in double quotes");
                return;
            }
        };
        let Some(map) = config.as_object() else {
            self.wrong(node, pointer, "`config` is no JSON object".to_owned(), "");
            return;
        };
        let mut unknown = |what: &str, of: Option<&serde_json::Map<String, serde_json::Value>>, known: &[&str]| {
            for key in of.into_iter().flat_map(|map| map.keys()).filter(|key| !known.contains(&key.as_str())) {
                // Go matches keys whatever their case.
                if known.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                    continue;
                }
                let help = nearest(key, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                let message = format!("{what} has no `{key}`: Argo CD ignores it");
                self.wrong(node, pointer, message, help.as_deref().unwrap_or_default());
            }
        };
        unknown("`config`", Some(map), &CONFIG);
        for (key, known) in
            [("tlsClientConfig", &TLS[..]), ("awsAuthConfig", &AWS[..]), ("execProviderConfig", &EXEC[..])]
        {
            unknown(&format!("`{key}`"), map.get(key).and_then(serde_json::Value::as_object), known);
        }
        let tls = map.get("tlsClientConfig").and_then(serde_json::Value::as_object);
        let insecure = tls.and_then(|tls| tls.get("insecure")).and_then(serde_json::Value::as_bool) == Some(true);
        let with_ca =
            tls.and_then(|tls| tls.get("caData")).and_then(serde_json::Value::as_str).is_some_and(|ca| !ca.is_empty());
        if insecure && with_ca {
            let message = "`tlsClientConfig` has both caData and insecure: Argo CD refuses it".to_owned();
            self.wrong(node, pointer, message, "remove insecure");
        }
    }

    fn booleans(&mut self, keys: &[&str]) {
        for key in keys {
            if let Some((node, text)) = self.text(key)
                && !matches!(text.trim(), "true" | "false" | "")
            {
                let message = format!("`{key}` is neither true nor false");
                self.wrong(node, &format!("/stringData/{key}"), message, "");
            }
        }
    }

    fn repository(&mut self) {
        if let Some((node, kind)) = self.text("type")
            && !matches!(kind.trim(), "git" | "helm" | "oci" | "")
        {
            self.wrong(node, "/stringData/type", "`type` is git, helm or oci".to_owned(), "");
        }
        self.booleans(&REPOSITORY_BOOLEANS);
        for key in ["githubAppID", "githubAppInstallationID"] {
            if let Some((node, text)) = self.text(key)
                && !text.trim().is_empty()
                && text.trim().parse::<u64>().is_err()
            {
                self.wrong(node, &format!("/stringData/{key}"), format!("`{key}` is no number"), "");
            }
        }
    }
}
