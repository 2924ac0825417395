use super::*;

fn run(text: &str) -> Result<Val, Fault> {
    Program::parse(text)?.run(&[], &mut Budget::of_object())
}

#[test]
fn what_is_true_on_an_api_server_is_true_here() {
    let expressions = include_str!("true.txt");
    for line in expressions.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let value = run(line);
        assert!(matches!(value, Ok(Val::Bool(true))), "{line}: {value:?}");
    }
}

#[test]
fn an_error_of_the_server_is_told_from_what_is_not_known_here() {
    for text in ["{'a': 1}.b == 1", "[1][3] == 1", "1 / 0 == 1", "int('x') == 1", "optional.none().value() == 1"] {
        assert!(matches!(run(text), Err(Fault::Error(_))), "{text}: {:?}", run(text));
    }
    for text in ["nothing(1)", "other == 1", "'a' + 1 == 2", "1 +"] {
        assert!(matches!(run(text), Err(Fault::Unsupported(_))), "{text}: {:?}", run(text));
    }
}

#[test]
fn an_expression_that_costs_too_much_ends() {
    let text = "lists.range(1000).all(a, lists.range(1000).all(b, lists.range(1000).all(c, a + b + c >= 0)))";
    assert_eq!(run(text).err(), Some(Fault::cost()));
    let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    assert!(Program::parse(&deep).is_err());
}

#[test]
fn what_is_filled_in_later_decides_nothing() {
    let program = Program::parse("self == 'a' || size(self) > 3").expect("it parses");
    let answer = program.run(&[("self", Val::Opaque)], &mut Budget::of_object());
    assert!(matches!(answer, Err(Fault::Unsupported(_))), "{answer:?}");
}
