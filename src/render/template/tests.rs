use std::sync::Arc;

use super::*;

fn run(text: &str, data: &Value) -> Result<String, String> {
    let mut templates = Templates::new(Arc::new(Functions::builtins()));
    templates.parse("t", text).map_err(|error| error.message)?;
    let rendered = templates.execute("t", data, Options::default()).map_err(|error| error.message)?;
    Ok(rendered.text)
}

fn data() -> Value {
    Value::map([
        ("name", Value::from("web")),
        ("count", Value::Float(3.0)),
        ("large", Value::Float(1_000_000.0)),
        ("nothing", Value::Nil),
        ("list", Value::list(vec![Value::from("a"), Value::Float(2.0), Value::Nil])),
        ("map", Value::map([("b", Value::from("2")), ("a", Value::from("1"))])),
    ])
}

#[track_caller]
fn prints(text: &str, expected: &str) {
    assert_eq!(run(text, &data()).as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn fails(text: &str, expected: &str) {
    assert_eq!(run(text, &data()), Err(expected.to_owned()), "{text}");
}

#[test]
fn actions_print_values_as_go_does() {
    prints("{{.name}} {{.count}} {{.large}} {{.nothing}} {{.missing}}", "web 3 1e+06 <no value> <no value>");
    prints(
        "{{.list}} {{.map}} {{1.5}} {{true}} {{'a'}} {{0x1F}} {{1e3}}",
        "[a 2 <nil>] map[a:1 b:2] 1.5 true 97 31 1000",
    );
    prints("{{print 1 2 \"a\" \"b\" 3}} {{println .name 1}}", "1 2ab3 web 1\n");
}

#[test]
fn trim_markers_take_the_space_beside_them() {
    prints("a \n {{- .name -}} \n b", "awebb");
    prints("a {{- /* gone */ -}} b{{/* kept */}} c", "ab c");
    prints("{{ -3 }}", "-3");
}

#[test]
fn control_structures_nest_and_scope_their_variables() {
    prints("{{if .missing}}x{{else if .name}}y{{else}}z{{end}}", "y");
    prints("{{with .missing}}x{{else with .name}}{{.}}{{end}}", "web");
    prints("{{range $i, $x := .list}}{{$i}}={{$x}};{{else}}none{{end}}", "0=a;1=2;2=<no value>;");
    prints("{{range $k, $v := .map}}{{$k}}{{$v}}{{end}}", "a1b2");
    prints("{{range 3}}{{.}}{{end}}{{range $i := 2}}{{$i}}{{end}}", "01201");
    prints("{{range .list}}{{if eq (print .) \"a\"}}{{continue}}{{end}}{{.}}{{break}}{{end}}", "2");
    prints("{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}}", "2");
    prints("{{range .missing}}x{{else}}none{{end}}", "none");
}

#[test]
fn templates_call_each_other() {
    prints("{{define \"a\"}}<{{.}}>{{end}}{{template \"a\" .name}}{{block \"b\" .count}}[{{.}}]{{end}}", "<web>[3]");
    fails(
        "{{template \"nope\"}}",
        "template: t:1:11: executing \"t\" at <{{template \"nope\"}}>: template \"nope\" not defined",
    );
}

#[test]
fn a_missing_key_is_what_the_option_says() {
    let mut templates = Templates::new(Arc::new(Functions::builtins()));
    templates.parse("t", "{{.a}}{{(.a).b}}").unwrap();
    let data = Value::map([("z", Value::Nil)]);
    let zero = Options { missing_key: MissingKey::Zero, ..Options::default() };
    assert_eq!(templates.execute("t", &data, zero).unwrap().text, "<no value><no value>");
    let error = Options { missing_key: MissingKey::Error, ..Options::default() };
    assert_eq!(
        templates.execute("t", &data, error).unwrap_err().message,
        "template: t:1:2: executing \"t\" at <.a>: map has no entry for key \"a\""
    );
    prints("{{.missing.deeper}}", "<no value>");
    fails(
        "{{.nothing.deeper}}",
        "template: t:1:10: executing \"t\" at <.nothing.deeper>: nil pointer evaluating interface {}.deeper",
    );
}

#[test]
fn comparisons_know_types() {
    prints(
        "{{eq 1 1}}{{eq .count 3.0}}{{lt 1 2}}{{ge \"b\" \"a\"}}{{eq .name \"x\" \"web\"}}{{ne 1 2}}",
        "truetruetruetruetruetrue",
    );
    fails(
        "{{eq .count 3}}",
        "template: t:1:2: executing \"t\" at <eq .count 3>: error calling eq: incompatible types for comparison: float64 and int",
    );
    prints("{{and 1 0 .nope.deeper}}{{or 0 .name}}{{not .name}}", "0webfalse");
}

#[test]
fn printf_knows_the_verbs() {
    prints(
        r#"{{printf "%5d|%-5s|%05.1f|%q|%x|%v|%T" 42 "ab" 3.14159 "q\"" "hi" .list .count}}"#,
        "   42|ab   |003.1|\"q\\\"\"|6869|[a 2 <nil>]|float64",
    );
    prints(
        r#"{{printf "%d" "a"}} {{printf "%s"}} {{printf "x" 1}} {{printf "%s" .nothing}}"#,
        "%!d(string=a) %!s(MISSING) x%!(EXTRA int=1) %!s(<nil>)",
    );
    prints(r#"{{printf "%[2]s %[1]s %*d" "a" "b" 3}}"#, "b a %!(BADWIDTH)3");
}

#[test]
fn what_does_not_parse_says_where() {
    fails("{{if .x}}", "template: t:1: unexpected EOF");
    fails("a\n{{nope}}", "template: t:2: function \"nope\" not defined");
    fails("{{.x", "template: t:1: unclosed action");
    fails("{{$x}}", "template: t:1: undefined variable \"$x\"");
    fails("{{break}}", "template: t:1: {{break}} outside {{range}}");
    fails("{{\"a\" | 1}}", "template: t:1: non executable command in pipeline stage 2");
}

#[test]
fn a_template_always_stops() {
    let error = run("{{define \"a\"}}{{template \"a\"}}{{end}}{{template \"a\"}}", &data()).unwrap_err();
    assert!(error.contains("exceeded maximum template depth"), "{error}");
    let error = run("{{range 100000}}{{range 100000}}{{end}}{{end}}", &data()).unwrap_err();
    assert!(error.contains("steps"), "{error}");
    let deep = "{{if true}}".repeat(100_000);
    assert!(run(&deep, &data()).unwrap_err().contains("max nesting depth exceeded"));
    let parens = format!("{{{{{}1{}}}}}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(run(&parens, &data()).unwrap_err().contains("max expression depth exceeded"));
}

/// What sprig adds, too.
fn run_sprig(text: &str) -> Result<String, String> {
    let mut functions = Functions::builtins();
    sprig::register(&mut functions);
    let mut templates = Templates::new(Arc::new(functions));
    templates.parse("t", text).map_err(|error| error.message)?;
    let options = Options { max_output: 1 << 20, ..Options::default() };
    Ok(templates.execute("t", &data(), options).map_err(|error| error.message)?.text)
}

#[test]
fn values_that_double_again_and_again_are_stopped() {
    for grow in
        ["print $x $x", "list $x $x | toJson", "concat (list $x) (list $x) | toString", "dict $x 1 | toJson | quote"]
    {
        let text = format!("{{{{ $x := \"ab\" }}}}{{{{ range 10000 }}}}{{{{ $x = {grow} }}}}{{{{ end }}}}");
        let error = run_sprig(&text).unwrap_err();
        assert!(error.contains("exceed") || error.contains("too long"), "{grow}: {error}");
    }
    // Lists that hold one list twice take no space, until they are written.
    for read in ["toJson $x", "print $x", "deepEqual $x (deepCopy $x)", "len (toString $x)", "set (dict) \"a\" $x"] {
        let text =
            format!("{{{{ $x := list }}}}{{{{ range 60 }}}}{{{{ $x = list $x $x }}}}{{{{ end }}}}{{{{ {read} }}}}");
        let _ = run_sprig(&text);
    }
}

#[test]
fn values_nested_without_end_do_not_exhaust_the_stack() {
    for grow in ["$x = list $x", "$x = dict \"a\" $x", "$x = tuple (dict \"a\" $x)"] {
        for read in ["", "toJson $x", "print $x", "deepEqual $x (deepCopy $x)", "$x | toPrettyJson | len"] {
            let text = format!(
                "{{{{ $x := list }}}}{{{{ range 200000 }}}}{{{{ {grow} }}}}{{{{ end }}}}{{{{ print ({read}) }}}}"
            );
            let _ = run_sprig(&text.replace("print ()", "print 1"));
        }
    }
}

#[test]
fn templates_of_chance_neither_panic_nor_hang() {
    const WORDS: &[&str] = &[
        "{{ ",
        " }}",
        "{{- ",
        " -}}",
        "if ",
        "else ",
        "end ",
        "range ",
        "with ",
        "define \"a\" ",
        "template \"a\" ",
        "block \"b\" . ",
        "break ",
        "continue ",
        "$x := ",
        "$x = ",
        "$x",
        ".",
        ".list",
        ".map",
        ".name",
        ".missing",
        "$",
        "1",
        "-3",
        "2.5",
        "1e9",
        "\"ab\"",
        "`c`",
        "'d'",
        "nil",
        "true",
        "(",
        ")",
        "| ",
        "\n",
        "text",
        "/* c */",
        ", ",
        "= ",
        ":= ",
    ];
    let mut functions = Functions::builtins();
    sprig::register(&mut functions);
    // Made to be slow.
    for slow in ["derivePassword", "bcrypt", "htpasswd", "genPrivateKey", "genCA", "genSelfSignedCert", "genSignedCert"]
    {
        functions.remove(slow);
    }
    let names: Vec<String> = functions.names().iter().map(|name| format!("{name} ")).collect();
    let functions = Arc::new(functions);
    let mut chance = fastrand::Rng::with_seed(7);
    for round in 0..if cfg!(debug_assertions) { 4_000 } else { 40_000 } {
        let mut text = String::new();
        if round % 2 == 0 {
            // Words in any order: mostly for the parser.
            for _ in 0..chance.usize(1..25) {
                let word = if chance.u8(0..4) == 0 {
                    &names[chance.usize(..names.len())]
                } else {
                    WORDS[chance.usize(..WORDS.len())]
                };
                text.push_str(word);
            }
        } else {
            // Calls with odd arguments: for the functions.
            text.push_str("{{ range $i, $x := .list }}{{ ");
            for _ in 0..chance.usize(1..4) {
                text.push_str(&names[chance.usize(..names.len())]);
                for _ in 0..chance.usize(0..4) {
                    text.push_str(WORDS[chance.usize(16..31)]);
                    text.push(' ');
                }
                text.push_str("| ");
            }
            text.push_str("print }}{{ end }}");
        }
        let mut templates = Templates::new(functions.clone());
        if templates.parse("t", &text).is_ok() {
            let options =
                Options { max_steps: 2_000, max_output: 1 << 20, provenance: round % 3 == 0, ..Options::default() };
            let _ = templates.execute("t", &data(), options);
        }
    }
}

#[test]
fn a_piece_of_output_knows_the_value_it_came_from() {
    let origin = |line| Origin::at(crate::origin::Mark { line, ..crate::origin::Mark::file(crate::origin::FileId(1)) });
    let map = Map::new();
    map.insert_from("a", Value::from("x"), origin(7));
    map.insert_from("b", Value::from("y"), origin(8));
    let mut templates = Templates::new(Arc::new(Functions::builtins()));
    templates.parse("t", "k: {{ .a }}\n{{ print .a .b }}{{ with .b }}{{ . }}{{ end }}").unwrap();
    let options = Options { provenance: true, ..Options::default() };
    let rendered = templates.execute("t", &Value::Map(map), options).unwrap();
    let lines: Vec<Vec<u32>> = rendered
        .segments
        .iter()
        .filter_map(|segment| match &segment.kind {
            SegmentKind::Text => None,
            SegmentKind::Action { origins, .. } => Some(origins.iter().map(|origin| origin.mark.line).collect()),
        })
        .collect();
    assert_eq!(lines, [vec![7], vec![7, 8], vec![8]]);
}
