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
        assert_eq!(output.findings[0].message, "nil pointer evaluating interface {}.y");
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
