use std::sync::Arc;

use super::super::{Functions, Options, Templates, Value};

#[track_caller]
fn prints(text: &str, expected: &str) {
    let mut functions = Functions::builtins();
    super::register(&mut functions);
    let mut templates = Templates::new(Arc::new(functions));
    templates.parse("t", text).unwrap();
    let rendered = templates.execute("t", &Value::Nil, Options::default()).unwrap();
    assert_eq!(rendered.text, expected, "{text}");
}

#[test]
fn words_are_split_and_joined_as_xstrings_does() {
    prints(
        r#"{{ snakecase "FirstName" }} {{ kebabcase "HTTPServer2xx" }} {{ camelcase "http_server" }}"#,
        "first_name http-server-2xx HttpServer",
    );
    prints(
        r#"{{ "hello world" | title | untitle }} {{ swapcase "aB" }} {{ initials "First Try" }}"#,
        "hello world Ab FT",
    );
}

#[test]
fn arithmetic_keeps_go_types() {
    prints(
        r#"{{ add 1 "2" 3.7 }} {{ typeOf (add 1) }} {{ div 7 2 }} {{ addf 0.1 0.2 }} {{ divf 10 4 }} {{ round 3.14159 2 }}"#,
        "6 int64 3 0.3 2.5 3.14",
    );
    prints(r#"{{ until 3 }} {{ untilStep 0 6 2 }} {{ seq 1 3 }} {{ seq 3 }}"#, "[0 1 2] [0 2 4] 1 2 3 1 2 3");
}

#[test]
fn merging_changes_the_first_map_and_keeps_what_it_has() {
    prints(
        r#"{{ $a := dict "x" 1 "m" (dict "p" 1) }}{{ $_ := merge $a (dict "x" 2 "y" 3 "m" (dict "p" 2 "q" 2)) }}{{ $a }}"#,
        "map[m:map[p:1 q:2] x:1 y:3]",
    );
    prints(r#"{{ mergeOverwrite (dict "x" 1 "l" (list 1)) (dict "x" 2 "l" (list 2 3)) }}"#, "map[l:[2 3] x:2]");
}

#[test]
fn versions_meet_constraints_as_masterminds_reads_them() {
    prints(
        r#"{{ semverCompare ">=1.20-0" "v1.29.4-gke.1" }} {{ semverCompare "^1.2" "1.9.0" }} {{ semverCompare "~1.2.3" "1.3.0" }} {{ semverCompare "1.2 - 1.4" "1.3" }} {{ semverCompare "<1.19-0 || >=1.30" "1.31.0" }}"#,
        "true true false true true",
    );
    prints(r#"{{ (semver "v1.2.3-rc.1").Minor }} {{ semver "1.2" }}"#, "2 1.2.0");
}

#[test]
fn dates_follow_go_layouts() {
    prints(r#"{{ date "Mon Jan _2 15:04:05 2006" 0 }}"#, "Thu Jan  1 00:00:00 1970");
    prints(r#"{{ toDate "2006-01-02" "2020-02-29" | dateModify "24h" | htmlDate }}"#, "2020-03-01");
    prints(
        r#"{{ dateInZone "15:04 MST" 0 "Europe/Berlin" }} {{ duration "95" }} {{ durationRound "2h10m5s" }}"#,
        "01:00 CET 1m35s 2h",
    );
}

#[test]
fn patterns_match_as_re2_does() {
    prints(
        r#"{{ regexReplaceAll "(a)(b)?" "aba" "${1}-" }} {{ regexFindAll "[a-c]" "xaybzc" 2 }} {{ regexSplit "z+" "pizza" -1 }}"#,
        "a-a- [a b] [pi a]",
    );
    prints(r#"{{ regexMatch "^\\d+$" "٣" }} {{ regexQuoteMeta "1.2" }}"#, r"false 1\.2");
}

#[test]
fn bytes_survive_base64() {
    prints(r#"{{ "/wD+" | b64dec | b64enc }} {{ "/wD+" | b64dec | len }} {{ "a" | b32enc | b32dec }}"#, "/wD+ 3 a");
    prints(
        r#"{{ trunc 2 "äö" }} {{ trunc -3 "abcdef" }} {{ substr 1 3 "hello" }} {{ abbrev 5 "hello world" }}"#,
        "ä def el he...",
    );
}

#[test]
fn what_is_taken_of_an_empty_list_is_nil_to_json() {
    prints(r#"{{ rest (list) | toJson }} {{ initial (list) | toJson }} {{ rest (list 1) | toJson }}"#, "null null []");
    prints(r#"{{ concat (list) (list) | toJson }} {{ concat (list 1) (list) | toJson }}"#, "null [1]");
    prints(r#"{{ regexFindAll "a" "b" -1 | toJson }} {{ rest (list) }} {{ len (rest (list)) }}"#, "null [] 0");
    prints(r#"{{ deepEqual (rest (list)) (list) }} {{ deepEqual (rest (list)) (initial (list)) }}"#, "false true");
    prints(r#"{{ printf "%#v" (rest (list)) }} {{ append (rest (list)) 1 | toJson }}"#, "[]interface {}(nil) [1]");
}
