//! Names that a product gives to its error codes and audit actions.

const MAX_PART: usize = 60;

/// Whether the text is `<product>.<name>`, each 1 to 60 of `a-z`, `0-9` and `_`, the first one a letter.
pub const fn is_product_name(text: &str) -> bool {
    let mut rest = text.as_bytes();
    let (mut parts, mut length) = (1, 0);
    while let [byte, more @ ..] = rest {
        match byte {
            b'.' if length > 0 => (parts, length) = (parts + 1, 0),
            b'a'..=b'z' => length += 1,
            b'0'..=b'9' | b'_' if length > 0 => length += 1,
            _ => return false,
        }
        if length > MAX_PART {
            return false;
        }
        rest = more;
    }
    parts == 2 && length > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_products() {
        let long = "a".repeat(MAX_PART);
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
