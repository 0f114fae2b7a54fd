//! The file `.env` of the current folder: lines of `NAME=value` with literal values.
//!
//! Nothing is expanded: a `$` may be part of a password. Syntax that other parsers of such files interpret differently
//! is refused. A file of a parent folder is another project's and is not read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum EnvFileError {
    #[error("{} cannot be read: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    /// Without the line's text, which may hold a password.
    #[error("{} cannot be read: line {line} {reason}", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        reason: &'static str,
    },
}

/// Sets the variables of `.env` in `folder` that the environment does not have, if there is such a file. Must run
/// before other threads start. Returns the names in the file.
pub fn load(folder: &Path) -> Result<Vec<String>, EnvFileError> {
    let path = folder.join(".env");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(EnvFileError::Io { path, error }),
    };
    let (mut names, mut canonical) = (Vec::new(), String::new());
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let at_line = |reason| EnvFileError::Line {
            path: path.clone(),
            line: index + 1,
            reason,
        };
        if let Some((name, value)) = parse(line).map_err(at_line)? {
            names.push(name.to_owned());
            canonical.push_str(&format!("{name}=\"{}\"\n", escaped(&value)));
        }
    }
    let loaded = dotenvy::from_read(canonical.as_bytes());
    loaded.map(|()| names).map_err(|_| EnvFileError::Io {
        path,
        error: io::Error::other("a variable cannot be set"),
    })
}

/// So that dotenvy, which sets the variables, reads the value as it is.
fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    for character in value.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\\' | '"' | '$' => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The variable of a line; none in a blank line or a comment.
fn parse(line: &str) -> Result<Option<(&str, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("is not NAME=value")?;
    let name = name.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || !name.chars().all(is_name)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err("has no name of letters, digits and underscores before the =");
    }
    value_of(value.trim()).map(|value| Some((name, value)))
}

fn value_of(text: &str) -> Result<String, &'static str> {
    match text.chars().next() {
        Some('\'') => single_quoted(text),
        Some('"') => double_quoted(text),
        _ => unquoted(text),
    }
}

fn unquoted(text: &str) -> Result<String, &'static str> {
    let value = match text.starts_with('#') {
        true => "",
        false => text.split(" #").next().unwrap_or(text).trim(),
    };
    match value.contains(char::is_whitespace) {
        true => Err("has white space in its value: put the value in single quotes"),
        false => Ok(value.to_owned()),
    }
}

/// Everything up to the next single quote.
fn single_quoted(text: &str) -> Result<String, &'static str> {
    let rest = text.strip_prefix('\'').unwrap_or(text);
    let (value, after) = rest
        .split_once('\'')
        .ok_or("has a single quote without its end")?;
    ends(after).map(|()| value.to_owned())
}

/// A backslash stands before `"`, `\` and `$`, and makes `\n` a line feed.
fn double_quoted(text: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut characters = text.strip_prefix('"').unwrap_or(text).chars();
    loop {
        match characters
            .next()
            .ok_or("has a double quote without its end")?
        {
            '"' => break,
            '\\' => match characters.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\' | '$')) => value.push(escaped),
                _ => {
                    return Err(
                        "has a backslash in double quotes that stands before none of \", \\, $ and n: use single quotes",
                    );
                }
            },
            character => value.push(character),
        }
    }
    ends(characters.as_str()).map(|()| value)
}

/// Only a comment may follow a quoted value.
fn ends(after: &str) -> Result<(), &'static str> {
    match after.trim_start() {
        "" => Ok(()),
        comment if comment.starts_with('#') => Ok(()),
        _ => Err("has text behind its closing quote"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn values_mean_what_they_say() {
        for (line, value) in [
            ("A=plain", "plain"),
            ("A=pa$$word", "pa$$word"),
            (
                "A=mongodb+srv://h/?authSource=$external",
                "mongodb+srv://h/?authSource=$external",
            ),
            ("  export A = spaced  ", "spaced"),
            ("A=pa#ss # comment", "pa#ss"),
            ("A=", ""),
            ("A=# comment", ""),
            ("A=back\\slash", "back\\slash"),
            ("A=it's", "it's"),
            (
                "A='single $x \\n \" quoted' # comment",
                "single $x \\n \" quoted",
            ),
            ("A=\"double $x ' quoted\"", "double $x ' quoted"),
            ("A=\"a\\\"b\\\\c\\$d\\ne\"", "a\"b\\c$d\ne"),
            ("A=a=b", "a=b"),
        ] {
            assert_eq!(
                parse(line).unwrap().unwrap(),
                ("A", value.to_owned()),
                "{line}"
            );
        }
        for line in ["", "  ", "# A=1"] {
            assert!(parse(line).unwrap().is_none());
        }
    }

    #[test]
    fn ambiguous_lines_are_refused() {
        for line in [
            "A",
            "A B=1",
            "1A=1",
            "=1",
            "A-B=1",
            "A=two words",
            "A='open",
            "A=\"open",
            "A='closed' more",
            "A=\"\\t\"",
            "A=\"open\\",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
