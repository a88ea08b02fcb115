//! Tables for people: one line a row, cut at the terminal's edge and nowhere else.

use comfy_table::presets::NOTHING;
use comfy_table::{
    Attribute, Cell as TableCell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Table, Width,
};

use super::failure::Failure;
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

/// A table, without the last line's end.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) text: String,
    /// Headers of columns for which there was no room.
    pub(crate) hidden: Vec<String>,
}

/// Room between columns.
const GAP: u16 = 2;

/// No column is made narrower than this.
const NARROWEST: u16 = 10;

/// The first column tells which object it is: it keeps this much, where that is not more than a third of the terminal.
const FIRST_NARROWEST: u16 = 24;

/// Prints a table to standard output. With `cut` it is not wider than the terminal; what had no room is told.
pub(crate) fn print(
    terminal: &mut Terminal,
    headers: &[String],
    rows: Vec<Vec<Cell>>,
    show_headers: bool,
    cut: bool,
) -> Result<(), Failure> {
    let look = Look { headers: show_headers, width: terminal.width.filter(|_| cut), palette: terminal.palette };
    let drawn = draw(headers, rows, look);
    terminal.line(&drawn.text)?;
    if !drawn.hidden.is_empty() {
        terminal.note(&format!("There was no room for {}. -o wide shows everything.", drawn.hidden.join(", ")));
    }
    Ok(())
}

/// Draws a table.
pub(crate) fn draw(headers: &[String], rows: Vec<Vec<Cell>>, look: Look) -> Drawn {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.force_no_tty();
    table.set_content_arrangement(ContentArrangement::Disabled);
    // Cells are cut at the last letter that fits, not at the last word.
    table.set_delimiter('\u{1}');
    if look.palette.coloured {
        table.enforce_styling();
    }
    let right: Vec<bool> = (0..headers.len())
        .map(|column| rows.iter().any(|row| row.get(column).is_some_and(|cell| cell.right)))
        .collect();
    if look.headers {
        let cells = headers.iter().zip(&right);
        let mut header =
            Row::from(cells.map(|(name, right)| aligned(TableCell::new(name).add_attribute(Attribute::Bold), *right)));
        header.max_height(1);
        table.set_header(header);
    }
    for row in rows {
        let cells = row.into_iter().zip(&right).map(|(cell, right)| aligned(toned(&cell), *right));
        let mut row = Row::from(cells);
        row.max_height(1);
        table.add_row(row);
    }
    let natural = table.column_max_content_widths();
    let fitted = look.width.map_or_else(|| natural.clone(), |width| fit(&natural, width));
    let last = fitted.len().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        let gap = if index >= last { 0 } else { GAP };
        column.set_padding((0, gap));
        match fitted.get(index) {
            None => column.set_constraint(ColumnConstraint::Hidden),
            Some(width) if *width < natural[index] => {
                column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + gap)))
            }
            Some(_) => column,
        };
    }
    if fitted != natural {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::MAX);
    }
    Drawn {
        text: table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n"),
        hidden: headers.iter().skip(fitted.len()).cloned().collect(),
    }
}

/// The widths of the columns in a table of this width: the widest are narrowed first, and when all are narrow, the last
/// ones are left out. The first column always stays.
fn fit(natural: &[u16], width_limit: u16) -> Vec<u16> {
    let total = |widths: &[u16]| -> u32 {
        widths.iter().map(|width| u32::from(width + GAP)).sum::<u32>().saturating_sub(u32::from(GAP))
    };
    let mut widths = natural.to_vec();
    loop {
        while total(&widths) > u32::from(width_limit) {
            let narrowable = widths.iter_mut().enumerate().filter(|(index, width)| {
                **width > if *index == 0 { FIRST_NARROWEST.min(width_limit / 3).max(NARROWEST) } else { NARROWEST }
            });
            match narrowable.max_by_key(|(_, width)| **width) {
                Some((_, widest)) => *widest -= 1,
                None => break,
            }
        }
        if total(&widths) <= u32::from(width_limit) || widths.len() <= 1 {
            break;
        }
        // One column less, and all others may be as wide as before.
        let columns = widths.len() - 1;
        widths = natural[..columns].to_vec();
    }
    if let [only] = widths.as_mut_slice() {
        *only = (*only).min(width_limit.max(1));
    }
    widths
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
        insta::assert_snapshot!(draw(&headers(), rows(), PLAIN).text, @r"
        NAME                        STATE     MEMORY  ADDRESSES
        web-1                       running    8 GiB  10.0.0.5
        a machine with a long name  stopped  512 MiB  -
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 1..80 {
            let drawn = draw(&headers(), rows(), Look { width: Some(width), ..PLAIN });
            let widest = drawn.text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= usize::from(width), "{width}: {}", drawn.text);
            assert_eq!(drawn.text.lines().count(), 3, "{}", drawn.text);
        }
        let drawn = draw(&headers(), rows(), Look { width: Some(45), ..PLAIN });
        assert_eq!(drawn.hidden, [""; 0]);
        insta::assert_snapshot!(drawn.text, @r"
        NAME              STATE     MEMORY  ADDRESSES
        web-1             running    8 GiB  10.0.0.5
        a machine with …  stopped  512 MiB  -
        ");
        let drawn = draw(&headers(), rows(), Look { width: Some(30), ..PLAIN });
        assert_eq!(drawn.hidden, ["ADDRESSES"]);
        insta::assert_snapshot!(drawn.text, @r"
        NAME          STATE     MEMORY
        web-1         running    8 GiB
        a machine w…  stopped  512 MiB
        ");
    }

    #[test]
    fn the_widest_columns_give_way_first() {
        assert_eq!(fit(&[20, 8, 40], 72), [20, 8, 40]);
        assert_eq!(fit(&[20, 8, 40], 62), [20, 8, 30]);
        assert_eq!(fit(&[20, 8, 40], 42), [15, 8, 15]);
        assert_eq!(fit(&[20, 8, 40], 30), [20, 8]);
        assert_eq!(fit(&[20], 5), [5]);
        let widths = fit(&[30, 8, 40, 40, 40], 80);
        assert_eq!((widths[0], widths.len()), (24, 5), "the first column keeps what tells objects apart");
        assert_eq!(fit(&[], 5), [0; 0]);
    }

    #[test]
    fn colour_is_used_only_when_it_is_asked_for() {
        assert!(!draw(&headers(), rows(), PLAIN).text.contains('\x1b'));
        assert!(draw(&headers(), rows(), Look { palette: Palette { coloured: true }, ..PLAIN }).text.contains('\x1b'));
    }

    #[test]
    fn headers_can_be_left_out() {
        assert_eq!(draw(&headers(), rows(), Look { headers: false, ..PLAIN }).text.lines().count(), 2);
    }
}
