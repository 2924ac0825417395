use std::sync::Arc;

use super::*;
use crate::load::load;
use crate::source::Snapshot;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

fn charts(files: &[(&str, &str)], test: impl FnOnce(&Charts<'_>)) {
    let repository =
        load(Arc::new(Snapshot::from_files(files.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().to_vec())))));
    test(&Charts::new(&repository));
}

#[test]
fn a_value_of_the_output_comes_from_the_line_that_set_it() {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  plain: text\n  \
                    one: {{ .Values.one | quote }}\n  two: {{ .Values.one }}-{{ .Values.nested.deep }}\n  \
                    {{- toYaml .Values.nested | nindent 2 }}\n";
    let values = "one: a\nnested:\n  deep: b\n";
    charts(&[("c/Chart.yaml", CHART), ("c/values.yaml", values), ("c/templates/web.yaml", template)], |charts| {
        let output = charts.render("c", &Release::default());
        assert!(output.findings.is_empty(), "{:?}", output.findings);
        let node = &output.resources[0].node;
        let place = |keys: &[&str]| {
            let mark = node.path(keys).unwrap().mark();
            (charts_path(mark.file.0), mark.line)
        };
        assert_eq!(place(&["data", "plain"]), ("templates/web.yaml", 6));
        assert_eq!(place(&["data", "one"]), ("values.yaml", 1));
        assert_eq!(place(&["data", "two"]), ("templates/web.yaml", 8));
        assert_eq!(place(&["data", "deep"]), ("values.yaml", 3));
        assert_eq!(place(&["metadata", "name"]), ("templates/web.yaml", 4));
        let trail = &node.path(&["data", "two"]).unwrap().origin;
        assert_eq!(trail.steps().iter().map(|step| step.mark.line).collect::<Vec<_>>(), [1, 3]);
    });
}

fn charts_path(file: u32) -> &'static str {
    ["Chart.yaml", "templates/web.yaml", "values.yaml"][file as usize]
}

#[test]
fn a_template_that_fails_is_a_finding_at_its_line() {
    let template = "a: b\nc: {{ .Values.x.y }}\n";
    charts(&[("c/Chart.yaml", CHART), ("c/templates/web.yaml", template)], |charts| {
        let output = charts.render("c", &Release::default());
        assert_eq!(output.findings.len(), 1);
        assert_eq!(output.findings[0].mark.line, 2);
        assert_eq!(output.findings[0].message, ".Values.x is not set");
        assert!(output.failed);
    });
}

#[test]
fn dependencies_that_are_not_vendored_are_not_judged() {
    let chart = format!("{CHART}dependencies:\n- name: redis\n  version: 1.x\n  repository: https://example.org\n");
    charts(&[("c/Chart.yaml", chart.as_str())], |charts| {
        let output = charts.render("c", &Release::default());
        assert!(output.findings.is_empty());
        assert_eq!(output.not_judged[0].what, "chart dependencies redis");
    });
}

#[test]
fn a_value_that_is_not_set_is_named_with_the_file_that_should_set_it() {
    let template = "a: b\nc: {{ .Values.image.tag.minor | quote }}\n";
    let values = "replicas: 1\nimage:\n  name: web\n";
    charts(&[("c/Chart.yaml", CHART), ("c/values.yaml", values), ("c/templates/web.yaml", template)], |charts| {
        let output = charts.render("c", &Release::default());
        assert_eq!(output.findings[0].message, ".Values.image.tag is not set; values are read from c/values.yaml:3");
        assert_eq!((output.findings[0].mark.line, output.findings[0].mark.column), (2, 14));
    });
}

fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

const BASE: &str = "apiVersion: v2\nname: base\nversion: 1.2.0\n";
const MAP: &str = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: base}\ndata: {a: \"{{ .Values.a }}\"}\n";

fn repository(files: Vec<(&str, Vec<u8>)>) -> crate::load::Repository {
    load(Arc::new(Snapshot::from_files(files.into_iter().map(|(path, bytes)| (path.to_owned(), bytes)))))
}

fn texts(output: &crate::render::Output, keys: &[&str]) -> Vec<String> {
    output.resources.iter().filter_map(|resource| resource.node.str_at(keys).map(str::to_owned)).collect()
}

#[test]
fn a_packed_dependency_renders_with_places_in_the_archive() {
    let archive =
        packed(&[("base/Chart.yaml", BASE), ("base/values.yaml", "a: b\n"), ("base/templates/map.yaml", MAP)]);
    let chart = format!("{CHART}dependencies:\n- {{name: base, version: 1.x, repository: 'https://example.org'}}\n");
    let files = vec![("c/Chart.yaml", chart.into_bytes()), ("c/charts/base-1.2.0.tgz", archive.clone())];
    let repository = repository(files);
    let output = Charts::new(&repository).render("c", &Release::default());
    assert_eq!(texts(&output, &["data", "a"]), ["b"], "{:?}", output.findings);
    let mark = output.resources[0].node.path(&["data", "a"]).unwrap().mark();
    assert_eq!(repository.snapshot.path(mark.file), "c/charts/base-1.2.0.tgz/values.yaml");
    // The archive alone is a chart, too.
    let output = Charts::new(&repository).render("c/charts/base-1.2.0.tgz", &Release::default());
    assert_eq!(texts(&output, &["data", "a"]), ["b"]);
}

#[test]
fn a_broken_archive_is_a_finding() {
    let chart = CHART.as_bytes().to_vec();
    let repository = repository(vec![("c/Chart.yaml", chart), ("c/charts/base.tgz", vec![0x1f, 0x8b, 0xff, 0x00])]);
    let output = Charts::new(&repository).render("c", &Release::default());
    assert!(output.findings[0].message.starts_with("error unpacking subchart tar in web"), "{:?}", output.findings);
}

#[test]
fn dependencies_are_taken_from_local_paths_and_from_mapped_directories() {
    let chart = format!(
        "{CHART}dependencies:\n- {{name: base, version: 1.x, repository: 'file://../base'}}\n- {{name: other, version: \
         1.x, repository: 'https://charts.example.org/'}}\n"
    );
    let repository = repository(vec![
        ("c/Chart.yaml", chart.into_bytes()),
        ("base/Chart.yaml", BASE.into()),
        ("base/templates/map.yaml", MAP.into()),
        ("vendor/other/Chart.yaml", BASE.replace("base", "other").into_bytes()),
        ("vendor/other/templates/map.yaml", MAP.replace("base", "other").into_bytes()),
    ]);
    let source = ChartSource { url: "https://charts.example.org".to_owned(), chart: None, path: "vendor".to_owned() };
    let charts = Charts::with_sources(&repository, vec![source], Vec::new());
    let output = charts.render("c", &Release::default());
    assert_eq!(texts(&output, &["metadata", "name"]), ["base", "other"], "{:?}", output.not_judged);
    let output = Charts::new(&repository).render("c", &Release::default());
    assert_eq!(output.not_judged[0].what, "chart dependencies base, other");
}

#[test]
fn lookup_finds_what_is_declared_and_tells_of_what_is_not() {
    let template = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: web}\ndata:\n  a: {{ (lookup \"v1\" \"Secret\" \
                    \"ns\" \"known\").data.a }}\n  b: {{ empty (lookup \"v1\" \"Secret\" \"ns\" \"unknown\") }}\n";
    let object = "apiVersion: v1\nkind: Secret\nmetadata: {name: known, namespace: ns}\ndata: {a: YQ==}\n";
    let repository = repository(vec![
        ("c/Chart.yaml", CHART.into()),
        ("c/templates/map.yaml", template.into()),
        ("objects.yaml", object.into()),
    ]);
    let objects = vec![repository.yaml_at("objects.yaml").unwrap().documents[0].root.clone()];
    let output = Charts::with_sources(&repository, Vec::new(), objects).render("c", &Release::default());
    assert_eq!(texts(&output, &["data", "a"]), ["YQ=="]);
    let told: Vec<_> = output.not_judged.iter().map(|told| (told.what.as_str(), told.mark.line)).collect();
    assert_eq!(told, [("lookup of v1 Secret unknown in ns by the chart web", 6)]);
}

#[test]
fn build_variables_stand_in_parameters_and_paths_as_argo_cd_puts_them() {
    let application = "source:\n  repoURL: https://example.com/r\n  path: c\n  targetRevision: main\n  helm:\n    \
                       valueFiles: [\"$ARGOCD_APP_NAME.yaml\"]\n    values: 'plain: $ARGOCD_APP_NAME'\n    parameters:\n    \
                       - {name: a, value: 'x-${ARGOCD_APP_NAME}-$ARGOCD_APP_REVISION_SHORT-$NONE-$$'}\n    - {name: b, \
                       value: '$ARGOCD_APP_SOURCE_PATH@$ARGOCD_APP_NAMESPACE', forceString: true}\n";
    let map = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: web}\ndata: {{ toJson .Values }}\n";
    let repository = repository(vec![
        ("app.yaml", application.into()),
        ("c/Chart.yaml", CHART.into()),
        ("c/web.yaml", "file: read\n".into()),
        ("c/templates/map.yaml", map.into()),
    ]);
    let source = repository.yaml_at("app.yaml").unwrap().documents[0].root.get("source").unwrap();
    let context = argo::Context {
        name: "web",
        namespace: "shop",
        directory: "c",
        commit: Some("0123456789abcdef"),
        ..argo::Context::default()
    };
    let mut output = crate::render::Output::default();
    let release = argo::release(&repository, source, &context, &mut output);
    assert!(output.findings.is_empty(), "{:?}", output.findings);
    let output = Charts::new(&repository).render("c", &release);
    let value = |key: &str| texts(&output, &["data", key]).concat();
    assert_eq!(value("a"), "x-web-0123456--$");
    assert_eq!(value("b"), "c@shop");
    assert_eq!(value("file"), "read");
    assert_eq!(value("plain"), "$ARGOCD_APP_NAME");
}

#[test]
fn a_schema_that_needs_the_network_is_not_judged() {
    let schema = r#"{"properties": {"a": {"$ref": "https://example.org/a.json"}}}"#;
    charts(&[("c/Chart.yaml", CHART), ("c/values.schema.json", schema)], |charts| {
        let output = charts.render("c", &Release::default());
        assert!(output.findings.is_empty(), "{:?}", output.findings);
        assert!(output.not_judged[0].reason.contains("https://example.org/a.json"), "{:?}", output.not_judged);
    });
}

#[test]
fn a_slash_that_json_escapes_is_refused_as_helm_does() {
    let manifest = |values: &str| {
        let mut found = None;
        charts(&[("c/Chart.yaml", CHART), ("c/values.yaml", values), ("c/templates/a.yaml", "a: b\n")], |charts| {
            found =
                Some(charts.manifest("c", &Release::default(), &Flags::default()).map_err(|error| error.to_string()));
        });
        found.unwrap()
    };
    for (values, line) in [
        ("{\"a\": \"x\\/y\"}\n", ""),
        ("a: 1\nb: [\"\\\\\", \"x\\/y\"]\n", "line 2: "),
        ("a: \"x\n  \\/y\"\n", "line 2: "),
    ] {
        let told = manifest(values).unwrap_err();
        assert!(told.ends_with(&format!("yaml: {line}found unknown escape character")), "{values}: {told}");
    }
    assert!(manifest("a: \"x\\\\/y\"\nb: 'x\\/y'\nc: x\\/y\n").is_ok());
}

#[test]
fn of_several_broken_templates_the_first_in_order_is_told() {
    let mut files: Vec<(String, String)> = vec![("c/Chart.yaml".to_owned(), CHART.to_owned())];
    files.extend((0..40).map(|n| (format!("c/templates/t{n:02}.yaml"), format!("a: b: c{n}\n"))));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    for _ in 0..10 {
        charts(&files, |charts| {
            let error = charts.manifest("c", &Release::default(), &Flags::default()).unwrap_err().to_string();
            assert!(error.contains("web/templates/t00.yaml"), "{error}");
        });
    }
}
