//! Medians of what was measured, as a table and as a plot.

use std::{fmt::Write, path::Path};

use plotters::prelude::*;

use crate::servers::Kind;

/// Everything measured of one cell, in one unit.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    /// For each server, what each round gave.
    pub(crate) figures: Vec<(Kind, Vec<f64>)>,
}

impl Row {
    pub(crate) fn new(name: String, unit: &'static str) -> Self {
        let figures = Vec::new();
        Self {
            name,
            unit,
            figures,
        }
    }

    pub(crate) fn add(&mut self, kind: Kind, figure: f64) {
        match self.figures.iter_mut().find(|(of, _)| *of == kind) {
            Some((_, figures)) => figures.push(figure),
            None => self.figures.push((kind, vec![figure])),
        }
    }

    pub(crate) fn median(&self, kind: Kind) -> Option<f64> {
        let (_, figures) = self.figures.iter().find(|(of, _)| *of == kind)?;
        let mut sorted = figures.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 {
            return sorted.get(middle).copied();
        }
        Some((sorted[middle - 1] + sorted[middle]) / 2.0)
    }
}

/// A table in Markdown: medians, and what each other server takes as a multiple of the first.
pub(crate) fn markdown(rows: &[Row], kinds: &[Kind]) -> String {
    let mut text = String::from("| | unit |");
    for kind in kinds {
        let _ = write!(text, " {kind} |");
    }
    text += "\n|---|---|";
    text += &"---|".repeat(kinds.len());
    text.push('\n');
    for row in rows {
        let _ = write!(text, "| {} | {} |", row.name, row.unit);
        let first = kinds.first().and_then(|kind| row.median(*kind));
        for (place, kind) in kinds.iter().enumerate() {
            let _ = match (row.median(*kind), first) {
                (Some(median), Some(first)) if place > 0 && first > 0.0 => {
                    write!(text, " {} (×{:.2}) |", figure(median), median / first)
                }
                (Some(median), _) => write!(text, " {} |", figure(median)),
                (None, _) => write!(text, " |"),
            };
        }
        text.push('\n');
    }
    text
}

/// Three digits that mean something.
fn figure(value: f64) -> String {
    match value {
        ..1.0 => format!("{value:.3}"),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Pixels that a row takes, and each bar in it.
const ROW: i32 = 10;
const BAR: i32 = 12;

/// Bars for all rows that are in this unit.
pub(crate) fn plot(
    rows: &[Row],
    kinds: &[Kind],
    unit: &str,
    to: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    const COLOURS: [RGBColor; 5] = [
        RGBColor(0x1B, 0x7F, 0x5C),
        RGBColor(0x8F, 0xC9, 0xB0),
        RGBColor(0xC4, 0x4E, 0x2F),
        RGBColor(0x4C, 0x63, 0xB6),
        RGBColor(0x8A, 0x8A, 0x8A),
    ];
    let rows: Vec<_> = rows.iter().filter(|row| row.unit == unit).collect();
    let medians = rows
        .iter()
        .flat_map(|row| kinds.iter().filter_map(|kind| row.median(*kind)));
    let most = medians.fold(0.0, f64::max) * 1.05;
    let height = 110 + rows.len() as u32 * (ROW + BAR * kinds.len() as i32).unsigned_abs();
    let area = SVGBackend::new(to, (1000, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{unit}, median"), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(330)
        .build_cartesian_2d(0.0..most, (0.0..rows.len() as f64).step(1.0))?;
    let name = |at: &f64| {
        let from_below = rows.len().checked_sub(at.floor() as usize + 1);
        let row = from_below.and_then(|place| rows.get(place));
        row.map_or_else(String::new, |row| row.name.clone())
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows.len() + 1)
        // In the middle of a row's bars.
        .y_label_offset(-(ROW + BAR * kinds.len() as i32) / 2)
        .y_label_formatter(&name)
        .draw()?;
    let thickness = 0.8 / kinds.len() as f64;
    for (place, kind) in kinds.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let bars = rows.iter().enumerate().filter_map(|(at, row)| {
            let top = (rows.len() - at) as f64 - 0.1 - place as f64 * thickness;
            let corners = [(0.0, top - thickness), (row.median(*kind)?, top)];
            Some(Rectangle::new(corners, colour.filled()))
        });
        chart
            .draw_series(bars)?
            .label(kind.to_string())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}
