//! Tables in Markdown that can be read as they are.

use std::fmt::Write;

/// A table of so many columns.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    /// The first is the head.
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with this head and nothing below it.
    pub(crate) fn new(head: [&str; N]) -> Self {
        Self {
            rows: vec![head.map(str::to_owned)],
        }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    /// Whether there is no row but the head.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The table, each line as wide as the others.
    pub(crate) fn markdown(&self) -> String {
        let mut widths = [3; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut text = String::new();
        for (n, row) in self.rows.iter().enumerate() {
            line(&mut text, row, widths);
            if n == 0 {
                line(&mut text, &widths.map(|width| "-".repeat(width)), widths);
            }
        }
        text
    }
}

fn line<const N: usize>(text: &mut String, cells: &[String; N], widths: [usize; N]) {
    for (cell, width) in cells.iter().zip(widths) {
        // Writing to a String cannot fail.
        let _ = write!(text, "| {cell:width$} ");
    }
    text.push_str("|\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_as_wide_as_the_others() {
        let mut table = Table::new(["what", "b"]);
        assert!(table.is_empty());
        table.push(["µs".to_owned(), "longer than its head".to_owned()]);
        assert!(!table.is_empty());
        let text = table.markdown();
        let widths: Vec<_> = text.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [31; 3], "{text}");
        assert!(text.contains("| µs   | longer"), "{text}");
    }
}
