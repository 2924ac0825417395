//! Text in XML.

/// `text` for an attribute's value or an element's content. Characters that XML cannot hold are left out.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' | '\r' => out.push_str(&format!("&#{};", character as u32)),
            character if (character as u32) < 0x20 || matches!(character as u32, 0xFFFE | 0xFFFF) => {}
            character => out.push(character),
        }
    }
    out
}
