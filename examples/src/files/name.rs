//! Names of files that lead nowhere else.

use anyhow::ensure;

/// Sees that `name` is a file's own name, and no way to another directory.
///
/// # Errors
/// It has a separator in it, is `..`, is hidden, or cannot be shown.
pub fn check_name(name: &str) -> anyhow::Result<()> {
    ensure!(!name.is_empty(), "a file has a name");
    ensure!(
        !name.contains(['/', '\\']),
        "'{}' is no name: write it without a directory",
        name.escape_debug()
    );
    ensure!(
        !name.starts_with('.'),
        "'{name}' is no name: it begins with a dot"
    );
    ensure!(
        !name.contains(char::is_control),
        "{name:?} is no name: it cannot be shown"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_pass() {
        for name in ["a", "a.txt", "ä b", "a..b", "C:"] {
            check_name(name).unwrap();
        }
        for name in [
            "",
            ".",
            "..",
            "../a",
            "/etc/passwd",
            "a/b",
            "a\\b",
            ".a",
            "a\0",
            "a\n",
        ] {
            let refused = check_name(name).unwrap_err().to_string();
            assert!(!refused.contains(['\0', '\n']), "{refused}");
        }
    }
}
