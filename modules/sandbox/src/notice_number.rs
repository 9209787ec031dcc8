//! Notice numbers (*numero avviso*) and IUVs.

/// The largest base that fits its 13 digits.
const LARGEST_BASE: i64 = 9_999_999_999_999;

/// A notice number of 18 digits and its IUV of 17.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoticeNumber {
    pub(crate) number: String,
    pub(crate) iuv: String,
}

impl NoticeNumber {
    /// The number with auxiliary digit 3 and segregation code 01: `3`, `01`, the base in 13 digits,
    /// and the 16 digits so far modulo 93 in two (SACI; SANP 2.5.1). The IUV is the number without
    /// its first digit. `None` when the base does not fit.
    pub(crate) fn with_base(base: i64) -> Option<Self> {
        if !(0..=LARGEST_BASE).contains(&base) {
            return None;
        }
        let iuv_start = format!("01{base:013}");
        let first_sixteen: i64 = format!("3{iuv_start}").parse().ok()?;
        let iuv = format!("{iuv_start}{:02}", first_sixteen % 93);
        Some(Self {
            number: format!("3{iuv}"),
            iuv,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_worked_example_comes_out() {
        let number = NoticeNumber::with_base(2_024_000_012_345).unwrap();
        assert_eq!(number.number, "301202400001234539");
        assert_eq!(number.iuv, "01202400001234539");
    }

    #[test]
    fn small_bases_are_padded_and_large_ones_refused() {
        // 3 010 000 000 000 000 = 93 × 32 365 591 397 849 + 43.
        let number = NoticeNumber::with_base(0).unwrap();
        assert_eq!(number.number, "301000000000000043");
        // And one whose rest is 0, which is written 00.
        let number = NoticeNumber::with_base(50).unwrap();
        assert_eq!(number.number, "301000000000005000");
        assert_eq!(NoticeNumber::with_base(10_000_000_000_000), None);
        assert_eq!(NoticeNumber::with_base(-1), None);
    }
}
