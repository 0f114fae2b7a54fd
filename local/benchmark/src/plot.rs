//! Draws what was measured, as SVG files beside `docs/performance.md`.

use plotters::prelude::*;

use crate::growth::Point;
use crate::{Outcome, root};

const SIZE: (u32, u32) = (900, 360);

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
