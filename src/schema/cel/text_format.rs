//! The named formats of `format`.

use crate::check::syntax;

/// The formats.
const NAMES: &[&str] = &[
    "dns1123Label",
    "dns1123Subdomain",
    "dns1035Label",
    "qualifiedName",
    "dns1123LabelPrefix",
    "dns1123SubdomainPrefix",
    "dns1035LabelPrefix",
    "labelValue",
    "uri",
    "uuid",
    "byte",
    "date",
    "datetime",
];

/// The format of that name.
pub(super) fn known(name: &str) -> Option<&'static str> {
    NAMES.iter().copied().find(|known| *known == name)
}

/// What is wrong with `text` as `format`.
pub(super) fn validate(format: &str, text: &str) -> Option<String> {
    // A prefix may end with a hyphen: what is put behind it makes it whole.
    let completed = format!("{text}a");
    let other = |name: &str| crate::schema::wrong_format(name, text).map(|expected| format!("must be {expected}"));
    match format {
        "dns1123Label" => syntax::label(text),
        "dns1123Subdomain" => syntax::subdomain(text),
        "dns1035Label" => syntax::label_1035(text),
        "dns1123LabelPrefix" => syntax::label(&completed),
        "dns1123SubdomainPrefix" => syntax::subdomain(&completed),
        "dns1035LabelPrefix" => syntax::label_1035(&completed),
        "qualifiedName" => syntax::qualified_name(text),
        "labelValue" => syntax::label_value(text),
        "uri" => super::network::Url::parse(text).is_none().then(|| "must be a URI".to_owned()),
        "uuid" => other("uuid"),
        "date" => other("date"),
        "datetime" => other("date-time"),
        "byte" => crate::schema::check_base64(text, false).err(),
        _ => None,
    }
}
