//! Mails by terms, as numbers: a row a mail, holding only what is not zero.
//!
//! It knows numbers; what they mean is for [`super::terms`].

/// A matrix with more numbers that are not zero is long in fitting.
const LONG: usize = 8_000_000;

/// A sparse matrix, row by row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matrix {
    /// Where each row begins, and at last where the last one ends.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
    width: usize,
}

impl Matrix {
    /// A matrix without rows.
    pub(crate) fn new(width: usize) -> Self {
        Self { starts: vec![0], columns: Vec::new(), values: Vec::new(), width }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: impl Iterator<Item = (u32, f32)>) {
        for (column, value) in row {
            self.columns.push(column);
            self.values.push(value);
        }
        self.starts.push(self.columns.len());
    }

    /// How many rows it has.
    pub(crate) fn height(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there is so much in it that a fit takes seconds, and many fits minutes.
    pub(crate) fn takes_long(&self) -> bool {
        self.values.len() > LONG
    }

    /// How many columns it has.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The columns and values of a row.
    pub(crate) fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let from = self.starts.get(row).copied().unwrap_or_default();
        let to = self.starts.get(row + 1).copied().unwrap_or(from);
        let columns = self.columns.get(from..to).unwrap_or_default();
        let values = self.values.get(from..to).unwrap_or_default();
        columns.iter().zip(values).map(|(column, value)| (*column as usize, f64::from(*value)))
    }

    /// A row times a vector.
    pub(crate) fn dot(&self, row: usize, weights: &[f64]) -> f64 {
        self.row(row).map(|(at, value)| value * weights.get(at).copied().unwrap_or(0.0)).sum()
    }

    /// The columns of this one, then those of another with the same rows. It takes both, since there
    /// may be memory for two but not for four.
    pub(crate) fn beside(self, other: Self) -> Self {
        let shift = u32::try_from(self.width).unwrap_or(u32::MAX);
        let starts: Vec<usize> =
            self.starts.iter().zip(&other.starts).map(|(one, next)| one + next).collect();
        let mut columns = Vec::with_capacity(self.columns.len() + other.columns.len());
        let spans = |matrix: &Self, row: usize| {
            let from = matrix.starts.get(row).copied().unwrap_or_default();
            from..matrix.starts.get(row + 1).copied().unwrap_or(from)
        };
        for row in 0..self.height() {
            columns.extend_from_slice(self.columns.get(spans(&self, row)).unwrap_or_default());
            let next = other.columns.get(spans(&other, row)).unwrap_or_default();
            columns.extend(next.iter().map(|column| column + shift));
        }
        let mut one = Self { columns: Vec::new(), ..self };
        let mut next = Self { columns: Vec::new(), ..other };
        let mut values = Vec::with_capacity(one.values.len() + next.values.len());
        for row in 0..one.height() {
            values.extend_from_slice(one.values.get(spans(&one, row)).unwrap_or_default());
            values.extend_from_slice(next.values.get(spans(&next, row)).unwrap_or_default());
        }
        (one.values, next.values) = Default::default();
        Self { starts, columns, values, width: one.width + next.width }
    }

    /// The same rows with some of the columns, in this order.
    pub(crate) fn only(&self, columns: &[u32]) -> Self {
        let mut places = vec![u32::MAX; self.width];
        for (place, column) in (0..).zip(columns) {
            if let Some(at) = places.get_mut(*column as usize) {
                *at = place;
            }
        }
        let mut kept = Self::new(columns.len());
        for row in 0..self.height() {
            kept.push(self.row(row).filter_map(|(column, value)| {
                let place = places.get(column).copied().filter(|place| *place != u32::MAX)?;
                #[allow(clippy::cast_possible_truncation, reason = "it was an f32 before")]
                Some((place, value as f32))
            }));
        }
        kept
    }

    /// In how many of some rows each column is.
    pub(crate) fn count_in(&self, which: &[bool]) -> Vec<u32> {
        let mut counts = vec![0; self.width];
        for (row, _) in which.iter().enumerate().filter(|(_, is_in)| **is_in) {
            for (column, _) in self.row(row) {
                if let Some(count) = counts.get_mut(column) {
                    *count += 1;
                }
            }
        }
        counts
    }

    /// The standard deviation of each column over all rows.
    pub(crate) fn spreads(&self) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); self.width];
        for row in 0..self.height() {
            for (column, value) in self.row(row) {
                if let Some((sum, squares)) = sums.get_mut(column) {
                    *sum += value;
                    *squares += value * value;
                }
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "a number of mails")]
        let rows = self.height().max(1) as f64;
        let spread = |(sum, squares): (f64, f64)| (squares / rows - (sum / rows).powi(2)).max(0.0);
        sums.into_iter().map(|sums| spread(sums).sqrt()).collect()
    }
}
