//! What a policy says in, whether it is too much out: what grows without end is not carried on.

use regorus::Value;

/// How many things one kind of policies may say of one input.
const MOST: usize = 10_000;
/// How many bytes they may say it in.
const LARGEST: usize = 16 << 20;

/// In which way an answer is too large.
pub(super) fn excess(answer: &Value) -> Option<String> {
    if let Ok(set) = answer.as_set()
        && set.len() > MOST
    {
        return Some(format!("it says {} things of one input; {MOST} are the most", set.len()));
    }
    let mut left = LARGEST;
    (!fits(answer, &mut left, 0)).then(|| format!("what it says of one input is larger than {} MiB", LARGEST >> 20))
}

/// Takes the size of `value` from what is `left`.
fn fits(value: &Value, left: &mut usize, depth: usize) -> bool {
    const MAX_DEPTH: usize = 128;
    let size = match value {
        Value::String(text) => text.len(),
        _ => size_of::<Value>(),
    };
    let Some(less) = left.checked_sub(size) else { return false };
    *left = less;
    if depth > MAX_DEPTH {
        return false;
    }
    match value {
        Value::Array(items) => items.iter().all(|item| fits(item, left, depth + 1)),
        Value::Set(items) => items.iter_sorted().all(|item| fits(item, left, depth + 1)),
        Value::Object(fields) => {
            fields.iter_sorted().all(|(key, value)| fits(key, left, depth + 1) && fits(value, left, depth + 1))
        }
        _ => true,
    }
}
