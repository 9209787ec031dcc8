//! Notice numbers (*numero avviso*, NAV) of pagoPA and the IUV inside them.
//!
//! Source: pagoPA, "Specifiche attuative dei codici identificativi di versamento" (SACI 3.x) and specifications of the Node.

use std::fmt;
use std::str::FromStr;

/// How a notice number is composed: what its first digit, the auxiliary one, says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// Auxiliary digit 0: the application code (0–99) stands outside the IUV. Closed to new set-ups since 2023.
    ApplicationCode(u8),
    /// Auxiliary digit 1: seventeen free digits, nothing to check.
    Free,
    /// Auxiliary digit 2: a body with one station, check digits and no code.
    SingleStation,
    /// Auxiliary digit 3: the segregation code (0–99), which pagoPA gives, is part of the IUV. What new set-ups get.
    SegregationCode(u8),
}

/// Why something is not a notice number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeNumberError {
    /// Not eighteen digits, or the first is above 3.
    #[error("a notice number has 18 digits and begins with 0, 1, 2 or 3")]
    Malformed,
    /// The last two digits do not follow from the others.
    #[error("the check digits of the notice number are wrong: compare it with the notice")]
    WrongCheckDigits,
    /// The code or the base has too many digits for the composition.
    #[error("the code or the base number has too many digits for this kind of notice number")]
    TooLong,
}

/// A notice number: eighteen digits, right by form; by check digits too unless it came through
/// [`NoticeNumber::parse_unchecked`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeNumber(String);

const LENGTH: usize = 18;
const CHECKED: usize = 16;

impl NoticeNumber {
    /// Reads what a person typed: blanks between the digits are allowed, the check digits must be right.
    ///
    /// # Errors
    /// [`NoticeNumberError::Malformed`], [`NoticeNumberError::WrongCheckDigits`].
    pub fn parse(text: &str) -> Result<Self, NoticeNumberError> {
        let number = Self::parse_unchecked(text)?;
        if number.has_right_check_digits() {
            Ok(number)
        } else {
            Err(NoticeNumberError::WrongCheckDigits)
        }
    }

    /// Reads what an intermediary returned. The Node routes numbers and does not check them, and numbers with wrong check
    /// digits are about, so a wrong check is for a log line ([`NoticeNumber::has_right_check_digits`]), not for a refusal.
    ///
    /// # Errors
    /// [`NoticeNumberError::Malformed`].
    pub fn parse_unchecked(text: &str) -> Result<Self, NoticeNumberError> {
        let digits: String = text
            .chars()
            .filter(|character| !character.is_ascii_whitespace())
            .collect();
        let right = digits.len() == LENGTH
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && digits.starts_with(['0', '1', '2', '3']);
        if right {
            Ok(Self(digits))
        } else {
            Err(NoticeNumberError::Malformed)
        }
    }

    /// Composes a number from its kind and base: 13 digits for kinds with a code, 15 for [`NoticeKind::SingleStation`],
    /// 17 for [`NoticeKind::Free`]. A number is unique for its body for ever, so a base is never used twice.
    ///
    /// # Errors
    /// [`NoticeNumberError::TooLong`].
    pub fn compose(kind: NoticeKind, base: u64) -> Result<Self, NoticeNumberError> {
        let checked = match kind {
            NoticeKind::ApplicationCode(code) => format!("0{code:02}{base:013}"),
            NoticeKind::SegregationCode(code) => format!("3{code:02}{base:013}"),
            NoticeKind::SingleStation => format!("2{base:015}"),
            NoticeKind::Free => {
                let digits = format!("1{base:017}");
                return if digits.len() == LENGTH {
                    Ok(Self(digits))
                } else {
                    Err(NoticeNumberError::TooLong)
                };
            }
        };
        if checked.len() != CHECKED {
            return Err(NoticeNumberError::TooLong);
        }
        let check = check_digits(&checked).ok_or(NoticeNumberError::Malformed)?;
        Ok(Self(format!("{checked}{check:02}")))
    }

    /// The eighteen digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the auxiliary digit says, with the code where there is one.
    #[must_use]
    pub fn kind(&self) -> NoticeKind {
        let code = self
            .0
            .get(1..3)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        match self.0.bytes().next() {
            Some(b'0') => NoticeKind::ApplicationCode(code),
            Some(b'1') => NoticeKind::Free,
            Some(b'2') => NoticeKind::SingleStation,
            _ => NoticeKind::SegregationCode(code),
        }
    }

    /// The IUV: 15 digits with auxiliary digit 0 (the code stays outside), else the 17 digits after the auxiliary one.
    #[must_use]
    pub fn iuv(&self) -> &str {
        let start = match self.kind() {
            NoticeKind::ApplicationCode(_) => 3,
            _ => 1,
        };
        self.0.get(start..).unwrap_or_default()
    }

    /// Whether the last two digits follow from the sixteen before; always true with auxiliary digit 1, which has none.
    #[must_use]
    pub fn has_right_check_digits(&self) -> bool {
        if self.kind() == NoticeKind::Free {
            return true;
        }
        let Some((checked, check)) = self.0.split_at_checked(CHECKED) else {
            return false;
        };
        check_digits(checked).is_some_and(|right| check.parse() == Ok(right))
    }

    /// As notices show it, in groups of four: `3012 0240 0001 2345 39`.
    #[must_use]
    pub fn grouped(&self) -> String {
        let mut shown = String::with_capacity(LENGTH + LENGTH / 4);
        for (index, digit) in self.0.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                shown.push(' ');
            }
            shown.push(digit);
        }
        shown
    }
}

/// The sixteen digits before, auxiliary digit included, as one integer modulo 93 (SANP 2.5.1): 0–92.
fn check_digits(sixteen: &str) -> Option<u64> {
    Some(sixteen.parse::<u64>().ok()? % 93)
}

impl fmt::Display for NoticeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As [`NoticeNumber::parse`].
impl FromStr for NoticeNumber {
    type Err = NoticeNumberError;

    fn from_str(text: &str) -> Result<Self, NoticeNumberError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions
    )]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn auxiliary_digit_3_keeps_the_segregation_code_in_the_iuv() {
        let number =
            NoticeNumber::compose(NoticeKind::SegregationCode(1), 2_024_000_012_345).unwrap();
        assert_eq!(number.as_str(), "301202400001234539");
        assert_eq!(number.iuv(), "01202400001234539");
        assert_eq!(number.grouped(), "3012 0240 0001 2345 39");
        assert_eq!(NoticeNumber::parse("3012 0240 0001 2345 39"), Ok(number));
    }

    #[test]
    fn auxiliary_digit_0_keeps_the_application_code_outside_the_iuv() {
        let number =
            NoticeNumber::compose(NoticeKind::ApplicationCode(1), 2_024_000_012_345).unwrap();
        assert_eq!(number.as_str(), "001202400001234536");
        assert_eq!(number.iuv(), "202400001234536");

        let taken_apart = NoticeNumber::parse("001550000000024427").unwrap();
        assert_eq!(taken_apart.kind(), NoticeKind::ApplicationCode(1));
        assert_eq!(taken_apart.iuv(), "550000000024427");
        assert_eq!(
            NoticeNumber::compose(NoticeKind::ApplicationCode(1), 5_500_000_000_244),
            Ok(taken_apart)
        );
    }

    #[test]
    fn auxiliary_digit_2_has_check_digits_and_no_code() {
        let number = NoticeNumber::compose(NoticeKind::SingleStation, 202_400_001_234_567).unwrap();
        assert_eq!(number.as_str(), "220240000123456741");
        assert_eq!(number.iuv(), "20240000123456741");
    }

    #[test]
    fn auxiliary_digit_1_has_nothing_to_check() {
        let number = NoticeNumber::parse("112345678901234567").unwrap();
        assert_eq!(
            (number.kind(), number.iuv()),
            (NoticeKind::Free, "12345678901234567")
        );
        assert_eq!(
            NoticeNumber::compose(NoticeKind::Free, 12_345_678_901_234_567),
            Ok(number)
        );
    }

    #[test]
    fn bases_and_check_digits_are_padded_with_zeros() {
        let small = NoticeNumber::compose(NoticeKind::SegregationCode(2), 1).unwrap();
        assert_eq!(small.as_str(), "302000000000000184");
        let padded_check = NoticeNumber::compose(NoticeKind::SegregationCode(3), 46104).unwrap();
        assert_eq!(padded_check.as_str(), "303000000004610406");
    }

    #[test]
    fn a_number_of_the_documentation_with_wrong_check_digits_is_refused_from_people_only() {
        let text = "311111111112222222";
        assert_eq!(
            NoticeNumber::parse(text),
            Err(NoticeNumberError::WrongCheckDigits)
        );
        assert!(
            !NoticeNumber::parse_unchecked(text)
                .unwrap()
                .has_right_check_digits()
        );
        assert!(NoticeNumber::parse("311111111112222247").is_ok());
    }

    #[test]
    fn anything_but_eighteen_digits_is_refused() {
        for text in [
            "",
            "30120240000123453",
            "3012024000012345390",
            "401202400001234539",
            "30120240000123453a",
            "٣01202400001234539",
        ] {
            assert_eq!(
                NoticeNumber::parse(text),
                Err(NoticeNumberError::Malformed),
                "{text}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_the_composition_is_refused() {
        for (kind, base) in [
            (NoticeKind::SegregationCode(100), 1),
            (NoticeKind::SegregationCode(1), 10_000_000_000_000),
            (NoticeKind::SingleStation, 1_000_000_000_000_000),
            (NoticeKind::Free, 100_000_000_000_000_000),
        ] {
            assert_eq!(
                NoticeNumber::compose(kind, base),
                Err(NoticeNumberError::TooLong),
                "{kind:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_mistyped_digit_is_noticed(code in 0..50_u8, base in 0..10_000_000_000_000_u64, position in 1..18_usize, shift in 1..10_u8) {
            let number = NoticeNumber::compose(NoticeKind::SegregationCode(code), base).unwrap();
            let mut digits = number.as_str().as_bytes().to_vec();
            digits[position] = (digits[position] - b'0' + shift) % 10 + b'0';
            let typed = String::from_utf8(digits).unwrap();
            prop_assert_eq!(NoticeNumber::parse(&typed), Err(NoticeNumberError::WrongCheckDigits));
        }
    }
}
