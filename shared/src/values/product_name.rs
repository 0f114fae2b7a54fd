//! Names that a product gives to its kinds of documents, error codes and audit actions.

const MAX_BYTES: usize = 60;

/// Whether the text is 1 to 60 of `a-z`, `0-9` and `_`, the first one a letter.
pub const fn is_name(text: &[u8]) -> bool {
    if !matches!(text, [b'a'..=b'z', ..]) || text.len() > MAX_BYTES {
        return false;
    }
    let mut rest = text;
    while let [byte, more @ ..] = rest {
        if !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_') {
            return false;
        }
        rest = more;
    }
    true
}

/// Whether the text is `<product>.<name>`, each as [`is_name`] says.
pub const fn is_product_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut dot = 0;
    while dot < bytes.len() {
        let (product, rest) = bytes.split_at(dot);
        if let [b'.', name @ ..] = rest {
            return is_name(product) && is_name(name);
        }
        dot += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_products() {
        let long = "a".repeat(MAX_BYTES);
        for name in [
            "invoices.posted",
            "a.b",
            "erp2.line_added_2",
            &format!("{long}.{long}"),
        ] {
            assert!(is_product_name(name), "{name}");
        }
        for name in [
            "",
            ".",
            "posted",
            "invoices.",
            ".posted",
            "a.b.c",
            "Invoices.posted",
            "invoices.2nd",
            "invoices._x",
            "a b.c",
            "a..b",
            &format!("{long}a.b"),
            &format!("b.{long}a"),
        ] {
            assert!(!is_product_name(name), "{name}");
        }
    }
}
