//! The little Markdown that the references need.

/// The anchor GitHub gives a heading.
#[must_use]
pub fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

/// The anchors of a page: one for each heading outside fenced blocks. A heading that occurs again gets a number, as on
/// GitHub.
#[must_use]
pub fn anchors(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for line in prose(page) {
        let text = line.trim_start_matches('#');
        if text.len() < line.len() && text.starts_with(' ') {
            let first = anchor(text);
            let next = (1..).map(|n| format!("{first}-{n}"));
            let free = std::iter::once(first.clone()).chain(next).find(|candidate| !anchors.contains(candidate));
            anchors.extend(free);
        }
    }
    anchors
}

/// The targets of a page's links.
#[must_use]
pub fn links(page: &str) -> Vec<String> {
    let targets = prose(page).flat_map(|line| {
        line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned())
    });
    targets.collect()
}

/// The lines of a page outside fenced blocks.
pub fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// A table. Rows of another length than the head's are the caller's mistake and show as such.
#[must_use]
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = format!("| {} |\n|{}\n", head.join(" | "), " --- |".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| self::cell(cell)).collect();
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out.push('\n');
    out
}

/// Text of any length as one line of a table.
fn cell(text: &str) -> String {
    let paragraphs: Vec<String> =
        text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    paragraphs.join("<br>").replace('|', "\\|")
}

/// Text as code.
#[must_use]
pub(super) fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A text's first sentence.
#[must_use]
pub(super) fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let joined = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    match joined.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_githubs() {
        assert_eq!(anchor("record `current-assignment`"), "record-current-assignment");
        assert_eq!(anchor("`[limits]` in `berth.toml`"), "limits-in-berthtoml");
        assert_eq!(anchors("# A b\n```sh\n# no heading\n```\n## A b\n#no\n"), ["a-b", "a-b-1"]);
    }

    #[test]
    fn links_are_found_outside_blocks() {
        assert_eq!(links("[a](#b) and [c](d.md)\n```\n[x](y)\n```\n"), ["#b", "d.md"]);
    }

    #[test]
    fn cells_are_one_line() {
        let table = table(&["a", "b"], [vec!["x | y".to_owned(), "one\ntwo\n\nthree".to_owned()]]);
        assert_eq!(table, "| a | b |\n| --- | --- |\n| x \\| y | one two<br>three |\n\n");
        assert_eq!(first_sentence("One\nthing. Another.\n\nMore."), "One thing.");
    }
}
