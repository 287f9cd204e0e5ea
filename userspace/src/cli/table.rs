//! Tables for people: columns and nothing else, so that the usual tools can cut them.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// A column by its header.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column<'a> {
    Text(&'a str),
    /// Aligned to the right.
    Number(&'a str),
}

/// Rows under their headers.
pub(super) fn table<R>(columns: &[Column<'_>], rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(columns.iter().map(|column| match column {
        Column::Text(header) | Column::Number(header) => *header,
    }));
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in columns.iter().enumerate() {
        if let (Column::Number(_), Some(column)) = (column, table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}
