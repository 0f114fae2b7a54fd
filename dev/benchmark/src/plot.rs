//! Draws what was measured, as SVG files beside `docs/performance.md`.

use plotters::prelude::*;

use crate::{Outcome, root};

const SIZE: (u32, u32) = (900, 360);

/// The measurements at one number of tenants.
pub struct Point {
    pub tenants: u32,
    /// Milliseconds, those of the hash taken off.
    pub onboarding: f64,
    pub login: f64,
    /// Milliseconds.
    pub show: f64,
    /// Megabytes that mongod has resident.
    pub memory: f64,
    pub files: usize,
}

/// One line of a plot: its name, and where it goes.
type Line<'a> = (&'a str, RGBColor, Vec<(f64, f64)>);

fn draw<DB: DrawingBackend>(
    area: &DrawingArea<DB, plotters::coord::Shift>,
    axis: &str,
    lines: &[Line<'_>],
) -> Outcome<()>
where
    DB::ErrorType: 'static,
{
    let points = || lines.iter().flat_map(|(_, _, points)| points);
    let right = points().map(|(x, _)| *x).fold(0.0, f64::max);
    let top = points().map(|(_, y)| *y).fold(0.0, f64::max) * 1.15;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..right, 0.0..top)
        .map_err(|error| error.to_string())?;
    let mesh = chart.configure_mesh().x_desc("tenants").y_desc(axis).draw();
    mesh.map_err(|error| error.to_string())?;
    for (name, color, points) in lines {
        let line = LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(3);
        let drawn = chart.draw_series(line).map_err(|error| error.to_string())?;
        let color = *color;
        drawn
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    let labels = chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw();
    Ok(labels.map_err(|error| error.to_string())?)
}

/// A bar for each name, and a line at the `limit`.
pub fn bars(file: &str, axis: &str, limit: f64, bars: &[(String, f64)]) -> Outcome<()> {
    let file = root().join("docs").join(file);
    let height = 60 + 24 * u32::try_from(bars.len())?;
    let area = SVGBackend::new(&file, (SIZE.0, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let longest = bars.iter().map(|(_, value)| *value).fold(limit, f64::max);
    let names: Vec<&str> = bars.iter().map(|(name, _)| name.as_str()).rev().collect();
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(190)
        .build_cartesian_2d(0.0..longest * 1.1, (0..names.len() - 1).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .x_desc(axis)
        .y_labels(names.len())
        .y_label_formatter(&|segment| match segment {
            SegmentValue::CenterOf(at) => names.get(*at).copied().unwrap_or_default().to_owned(),
            _ => String::new(),
        })
        .draw()?;
    let values = bars.iter().map(|(_, value)| *value).rev().enumerate();
    chart.draw_series(values.map(|(at, value)| {
        let corners = [
            (0.0, SegmentValue::Exact(at)),
            (value, SegmentValue::Exact(at + 1)),
        ];
        let mut bar = Rectangle::new(corners, BLUE.mix(0.6).filled());
        bar.set_margin(4, 4, 0, 0);
        bar
    }))?;
    let ends = [
        (limit, SegmentValue::Exact(0)),
        (limit, SegmentValue::Exact(names.len())),
    ];
    chart.draw_series([PathElement::new(ends, RED.stroke_width(2))])?;
    area.present()?;
    Ok(())
}

/// Times on the left, memory and files on the right, both over the number of tenants.
pub fn growth(points: &[Point]) -> Outcome<()> {
    let line = |value: &dyn Fn(&Point) -> f64| -> Vec<(f64, f64)> {
        points
            .iter()
            .map(|point| (f64::from(point.tenants), value(point)))
            .collect()
    };
    let file = root().join("docs/growth.svg");
    let area = SVGBackend::new(&file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);
    let times = [
        (
            "onboarding without its hash",
            BLUE,
            line(&|point| point.onboarding),
        ),
        ("login without its hash", RED, line(&|point| point.login)),
        ("GET /org", GREEN, line(&|point| point.show)),
    ];
    draw(&left, "ms", &times)?;
    let files = |point: &Point| f64::from(u32::try_from(point.files).unwrap_or(u32::MAX)) / 10.0;
    let amounts = [
        ("mongod's memory, MB", MAGENTA, line(&|point| point.memory)),
        ("its open files, in tens", CYAN, line(&files)),
    ];
    draw(&right, "", &amounts)?;
    area.present()?;
    Ok(())
}
