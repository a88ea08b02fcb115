//! Tables for people: one line a row, cut at the terminal's edge and nowhere else.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell as TableCell, CellAlignment, Color, ContentArrangement, Row, Table};

use super::terminal::{Palette, Terminal, Tone, harmless};

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Tone,
    /// Numbers stand to the right.
    pub(crate) right: bool,
}

impl Cell {
    /// A text that may come from anywhere.
    pub(crate) fn text(text: &str) -> Self {
        Self { text: harmless(text), tone: Tone::Plain, right: false }
    }

    /// A number with its unit.
    pub(crate) fn number(text: String) -> Self {
        Self { text, tone: Tone::Plain, right: true }
    }

    /// A state word.
    pub(crate) fn state(word: &str) -> Self {
        Self::toned(word, Tone::of_state(word))
    }

    /// A text with a meaning.
    pub(crate) fn toned(text: &str, tone: Tone) -> Self {
        Self { text: harmless(text), tone, right: false }
    }

    /// Nothing to tell.
    pub(crate) fn none() -> Self {
        Self { text: "-".to_owned(), tone: Tone::Quiet, right: false }
    }
}

/// How a table is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) headers: bool,
    /// Columns at which lines are cut; `None` for as long as they are.
    pub(crate) width: Option<u16>,
    pub(crate) palette: Palette,
}

impl Look {
    /// A table for standard output; `cut` when it must not be wider than the terminal.
    pub(crate) fn of(terminal: &Terminal, headers: bool, cut: bool) -> Self {
        Self { headers, width: terminal.width.filter(|_| cut), palette: terminal.palette }
    }
}

/// Draws a table, without the last line's end.
pub(crate) fn draw(headers: &[String], rows: Vec<Vec<Cell>>, look: Look) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.force_no_tty();
    if look.palette.coloured {
        table.enforce_styling();
    }
    match look.width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let right: Vec<bool> = (0..headers.len())
        .map(|column| rows.iter().any(|row| row.get(column).is_some_and(|cell| cell.right)))
        .collect();
    if look.headers {
        let mut header = Row::from(
            headers
                .iter()
                .zip(&right)
                .map(|(name, right)| aligned(TableCell::new(name).add_attribute(Attribute::Bold), *right)),
        );
        header.max_height(1);
        table.set_header(header);
    }
    for row in rows {
        let cells = row.into_iter().zip(&right).map(|(cell, right)| aligned(toned(&cell), *right));
        let mut row = Row::from(cells);
        row.max_height(1);
        table.add_row(row);
    }
    let last = headers.len().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index == last { 0 } else { 2 }));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn aligned(cell: TableCell, right: bool) -> TableCell {
    if right { cell.set_alignment(CellAlignment::Right) } else { cell }
}

fn toned(cell: &Cell) -> TableCell {
    let shown = TableCell::new(&cell.text);
    match cell.tone {
        Tone::Good => shown.fg(Color::DarkGreen),
        Tone::Warning => shown.fg(Color::DarkYellow),
        Tone::Bad => shown.fg(Color::DarkRed),
        Tone::Unknown => shown.fg(Color::DarkMagenta),
        Tone::Quiet => shown.add_attribute(Attribute::Dim),
        Tone::Strong => shown.add_attribute(Attribute::Bold),
        Tone::Plain => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec![Cell::text("web-1"), Cell::state("running"), Cell::number("8 GiB".into()), Cell::text("10.0.0.5")],
            vec![
                Cell::text("a machine with a long name"),
                Cell::state("stopped"),
                Cell::number("512 MiB".into()),
                Cell::none(),
            ],
        ]
    }

    fn headers() -> Vec<String> {
        ["NAME", "STATE", "MEMORY", "ADDRESSES"].map(str::to_owned).to_vec()
    }

    const PLAIN: Look = Look { headers: true, width: None, palette: Palette { coloured: false } };

    #[test]
    fn columns_are_aligned_and_numbers_stand_to_the_right() {
        insta::assert_snapshot!(draw(&headers(), rows(), PLAIN), @r"
        NAME                        STATE     MEMORY  ADDRESSES
        web-1                       running    8 GiB  10.0.0.5
        a machine with a long name  stopped  512 MiB  -
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let text = draw(&headers(), rows(), Look { width: Some(40), ..PLAIN });
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
        insta::assert_snapshot!(text, @r"
        NAME         STATE     MEMORY  ADDRESSES
        web-1        running    8 GiB  10.0.0.5
        a machine…   stopped  512 MiB  -
        ");
    }

    #[test]
    fn colour_is_used_only_when_it_is_asked_for() {
        assert!(!draw(&headers(), rows(), PLAIN).contains('\x1b'));
        assert!(draw(&headers(), rows(), Look { palette: Palette { coloured: true }, ..PLAIN }).contains('\x1b'));
    }

    #[test]
    fn headers_can_be_left_out() {
        assert_eq!(draw(&headers(), rows(), Look { headers: false, ..PLAIN }).lines().count(), 2);
    }
}
