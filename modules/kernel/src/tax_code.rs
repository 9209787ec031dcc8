//! Fiscal codes (*codice fiscale*) and VAT numbers (*partita IVA*): form and check digit.
//!
//! Sources: DM 23 December 1976 (composition, check character, omocodia), DPR 633/1972 art. 35 with Agenzia delle Entrate's
//! check digit for numbers of eleven digits.

use std::fmt;

use chrono::{Datelike, NaiveDate};

/// Why something is not a fiscal code or a VAT number. It never says what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaxCodeError {
    /// Neither sixteen characters in the right order nor eleven digits.
    #[error("it must have 16 characters (a person) or 11 digits (a body or a provisional code)")]
    Malformed,
    /// The last character does not follow from the others.
    #[error("the check character is wrong: compare it with the health card or the certificate")]
    WrongCheck,
}

/// Whether numbers that only test systems use, such as pagoPA's `77777777777`, are taken although their check digit is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TestBodies {
    /// As in production.
    #[default]
    Refused,
    /// Eleven times the same digit, except zero, is taken: for demonstrations and pagoPA's test environment.
    Accepted,
}

/// What the seventh to eleventh character of a person's code say. On documents it is "F" or "M".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// A woman: 40 is added to the day of birth.
    Female,
    /// A man.
    Male,
}

/// A fiscal code: sixteen characters of a person, or eleven digits of a body (or provisional).
///
/// It is personal data: `Debug` hides it, there is no `Display`, and [`FiscalCode::expose`] says at the call that it leaves.
/// Two codes that differ only by omocodia are two persons, so its letters are kept and take part in equality.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FiscalCode(String);

/// A VAT number: eleven digits. That of a sole trader points to a person, so it is hidden like a fiscal code.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VatNumber(String);

impl FiscalCode {
    /// Trims, makes upper case, checks.
    ///
    /// # Errors
    /// [`TaxCodeError`].
    pub fn parse(text: &str, test_bodies: TestBodies) -> Result<Self, TaxCodeError> {
        let code = text.trim().to_ascii_uppercase();
        if code.len() == 11 {
            check_eleven_digits(&code, test_bodies)?;
        } else {
            check_sixteen_characters(&code)?;
        }
        Ok(Self(code))
    }

    /// The code itself. Not for logs, metrics, URLs, topic keys or payment reasons.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is one of sixteen characters, which only persons have.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        self.0.len() == 16
    }

    /// The date of birth, letters of omocodia decoded. The code has two digits of the year only: the youngest reading that is
    /// not after `today` is taken, so a person of a hundred years reads as a newborn. `None` for eleven digits, or no real date.
    #[must_use]
    pub fn birth_date(&self, today: NaiveDate) -> Option<NaiveDate> {
        let (year, day) = (self.number(6, 8)?, self.number(9, 11)?);
        let month = u32::try_from("ABCDEHLMPRST".find(self.0.chars().nth(8)?)?).ok()? + 1;
        let day = if day > 40 { day - 40 } else { day };
        let year = i32::try_from(year).ok()?;
        let this_century = today.year() - today.year().rem_euclid(100);
        [this_century + year, this_century - 100 + year]
            .into_iter()
            .filter_map(|year| NaiveDate::from_ymd_opt(year, month, day))
            .find(|date| *date <= today)
    }

    /// The sex that the day of birth tells. `None` for eleven digits.
    #[must_use]
    pub fn sex(&self) -> Option<Sex> {
        Some(if self.number(9, 11)? > 40 {
            Sex::Female
        } else {
            Sex::Male
        })
    }

    /// The cadastral code of the place of birth (`H501` = Rome, `Z…` = abroad), letters of omocodia decoded.
    #[must_use]
    pub fn birthplace(&self) -> Option<String> {
        let letter = self.is_personal().then(|| self.0.chars().nth(11))??;
        Some(format!("{letter}{:03}", self.number(12, 15)?))
    }

    /// The number at these places (from zero, end excluded) of a code of sixteen characters.
    fn number(&self, start: usize, end: usize) -> Option<u32> {
        if !self.is_personal() {
            return None;
        }
        self.0
            .get(start..end)?
            .bytes()
            .try_fold(0, |number, byte| Some(number * 10 + omocodia_digit(byte)?))
    }
}

impl fmt::Debug for FiscalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FiscalCode(…)")
    }
}

impl VatNumber {
    /// Trims and checks.
    ///
    /// # Errors
    /// [`TaxCodeError`].
    pub fn parse(text: &str, test_bodies: TestBodies) -> Result<Self, TaxCodeError> {
        let number = text.trim().to_owned();
        check_eleven_digits(&number, test_bodies)?;
        Ok(Self(number))
    }

    /// The number itself. Not for logs, metrics, URLs, topic keys or payment reasons.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether digits 8–10 name an office that gave out numbers: a province 001–100, or 120, 121, 888, 999. Stricter than the
    /// check digit and not certain, hence apart from [`VatNumber::parse`].
    #[must_use]
    pub fn names_a_known_office(&self) -> bool {
        let office: Option<u16> = self.0.get(7..10).and_then(|office| office.parse().ok());
        matches!(office, Some(1..=100 | 120 | 121 | 888 | 999))
    }
}

impl fmt::Debug for VatNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VatNumber(…)")
    }
}

/// Whether a text for strangers, such as the reason of a payment, names a person by the fiscal code: any word of it that is one.
#[must_use]
pub fn contains_fiscal_code(text: &str) -> bool {
    text.split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| word.len() == 16)
        .any(|word| FiscalCode::parse(word, TestBodies::Refused).is_ok())
}

/// A digit, or the letter that stands for it after omocodia: `0` and `L` are 0, … `9` and `V` are 9.
fn omocodia_digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'0'..=b'9' => byte - b'0',
        b'L' => 0,
        b'M' => 1,
        b'N' => 2,
        b'P' => 3,
        b'Q' => 4,
        b'R' => 5,
        b'S' => 6,
        b'T' => 7,
        b'U' => 8,
        b'V' => 9,
        _ => return None,
    };
    Some(u32::from(digit))
}

fn check_sixteen_characters(code: &str) -> Result<(), TaxCodeError> {
    let well_formed = code.len() == 16
        && code.bytes().enumerate().all(|(index, byte)| match index {
            8 => b"ABCDEHLMPRST".contains(&byte),
            6 | 7 | 9 | 10 | 12..=14 => omocodia_digit(byte).is_some(),
            _ => byte.is_ascii_uppercase(),
        });
    if !well_formed {
        return Err(TaxCodeError::Malformed);
    }
    let (body, check) = code.split_at_checked(15).ok_or(TaxCodeError::Malformed)?;
    if check.bytes().next() == check_letter(body) {
        Ok(())
    } else {
        Err(TaxCodeError::WrongCheck)
    }
}

/// The check character of the first fifteen.
fn check_letter(fifteen: &str) -> Option<u8> {
    let sum = fifteen
        .bytes()
        .enumerate()
        .try_fold(0_u8, |sum, (index, byte)| {
            // Counted from one, as the decree does, the first place is odd.
            let value = if index % 2 == 0 {
                odd_value(byte)?
            } else {
                even_value(byte)?
            };
            Some((sum + value) % 26)
        })?;
    Some(b'A' + sum)
}

fn even_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'Z' => Some(byte - b'A'),
        _ => None,
    }
}

fn odd_value(byte: u8) -> Option<u8> {
    const VALUES: [u8; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    VALUES.get(usize::from(even_value(byte)?)).copied()
}

fn check_eleven_digits(digits: &str, test_bodies: TestBodies) -> Result<(), TaxCodeError> {
    if digits.len() != 11 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TaxCodeError::Malformed);
    }
    // It satisfies the sum, yet nobody has it.
    if digits.bytes().all(|byte| byte == b'0') {
        return Err(TaxCodeError::WrongCheck);
    }
    let same_digit = digits
        .bytes()
        .all(|byte| digits.bytes().next() == Some(byte));
    if same_digit && test_bodies == TestBodies::Accepted {
        return Ok(());
    }
    // With the check digit itself in the sum, the whole must be a multiple of ten.
    let sum: u32 = digits
        .bytes()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte - b'0');
            match (index % 2, digit) {
                (0, _) => digit,
                (_, 0..=4) => digit * 2,
                _ => digit * 2 - 9,
            }
        })
        .sum();
    if sum.is_multiple_of(10) {
        Ok(())
    } else {
        Err(TaxCodeError::WrongCheck)
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

    const WORKED: [&str; 7] = [
        "RSSMRA80A01H501U",
        "RSSMRA80A01H50MM",
        "RSSMRA80A01H5LMX",
        "RSSMRAULALMHRLMD",
        "VRDGLI92M54F205A",
        "VRDGLI92M54F20RV",
        "VRDGLIVNMRQFNLRE",
    ];

    fn parse(text: &str) -> Result<FiscalCode, TaxCodeError> {
        FiscalCode::parse(text, TestBodies::Refused)
    }

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 6, 1).unwrap()
    }

    #[test]
    fn worked_codes_are_taken_with_exactly_their_check_character() {
        for code in WORKED {
            assert_eq!(parse(code).unwrap().expose(), code);
            for check in ('A'..='Z').filter(|check| !code.ends_with(*check)) {
                assert_eq!(
                    parse(&format!("{}{check}", &code[..15])),
                    Err(TaxCodeError::WrongCheck)
                );
            }
        }
    }

    #[test]
    fn blanks_around_and_lower_case_are_forgiven() {
        assert_eq!(
            parse("  rssmra80a01h501u\n").unwrap(),
            parse("RSSMRA80A01H501U").unwrap()
        );
    }

    #[test]
    fn omocodia_makes_another_person_with_the_same_birth() {
        let (first, second) = (
            parse("RSSMRA80A01H501U").unwrap(),
            parse("RSSMRAULALMHRLMD").unwrap(),
        );
        assert_ne!(first, second);
        for code in [first, second] {
            assert_eq!(
                code.birth_date(today()),
                NaiveDate::from_ymd_opt(1980, 1, 1)
            );
            assert_eq!(
                (code.sex(), code.birthplace().as_deref()),
                (Some(Sex::Male), Some("H501"))
            );
        }
        for code in ["VRDGLI92M54F205A", "VRDGLI92M54F20RV", "VRDGLIVNMRQFNLRE"] {
            let code = parse(code).unwrap();
            assert_eq!(
                code.birth_date(today()),
                NaiveDate::from_ymd_opt(1992, 8, 14)
            );
            assert_eq!(
                (code.sex(), code.birthplace().as_deref()),
                (Some(Sex::Female), Some("F205"))
            );
        }
    }

    #[test]
    fn a_birth_date_is_never_in_the_future() {
        let code = parse("VRDGLI92M54F205A").unwrap();
        let the_day_before = NaiveDate::from_ymd_opt(2092, 8, 13).unwrap();
        assert_eq!(
            code.birth_date(the_day_before),
            NaiveDate::from_ymd_opt(1992, 8, 14)
        );
        assert_eq!(
            code.birth_date(the_day_before.succ_opt().unwrap()),
            NaiveDate::from_ymd_opt(2092, 8, 14)
        );
    }

    #[test]
    fn eleven_digits_are_checked_like_a_vat_number() {
        for number in ["15376371009", "00856930102", "12345678903"] {
            let code = parse(number).unwrap();
            assert_eq!(
                (
                    code.expose(),
                    code.is_personal(),
                    code.sex(),
                    code.birth_date(today()),
                    code.birthplace()
                ),
                (number, false, None, None, None)
            );
            assert!(VatNumber::parse(number, TestBodies::Refused).is_ok());
        }
        for number in ["15376371008", "00856930103", "00000000000"] {
            assert_eq!(parse(number), Err(TaxCodeError::WrongCheck));
            assert_eq!(
                VatNumber::parse(number, TestBodies::Refused),
                Err(TaxCodeError::WrongCheck)
            );
        }
    }

    #[test]
    fn test_bodies_are_taken_only_where_the_switch_is_on() {
        assert_eq!(parse("77777777777"), Err(TaxCodeError::WrongCheck));
        assert!(FiscalCode::parse("77777777777", TestBodies::Accepted).is_ok());
        assert!(VatNumber::parse("77777777777", TestBodies::Accepted).is_ok());
        assert_eq!(
            FiscalCode::parse("00000000000", TestBodies::Accepted),
            Err(TaxCodeError::WrongCheck)
        );
        assert_eq!(
            FiscalCode::parse("77777777778", TestBodies::Accepted),
            Err(TaxCodeError::WrongCheck)
        );
    }

    #[test]
    fn the_stricter_rule_wants_an_office_that_exists() {
        assert!(
            VatNumber::parse("15376371009", TestBodies::Refused)
                .unwrap()
                .names_a_known_office()
        );
        assert!(
            !VatNumber::parse("12345678903", TestBodies::Refused)
                .unwrap()
                .names_a_known_office()
        );
    }

    #[test]
    fn other_shapes_are_malformed() {
        for text in [
            "",
            "RSSMRA80A01H501",
            "RSSMRA80A01H501UU",
            "RSSMRA80F01H501U",
            "R5SMRA80A01H501U",
            "RSSMRA8AA01H501U",
            "1537637100",
            "1537637100A",
            "RSSMRÀ0A01H501U",
            "१५३७",
        ] {
            assert_eq!(parse(text), Err(TaxCodeError::Malformed), "{text}");
        }
    }

    #[test]
    fn neither_debug_nor_errors_tell_the_code() {
        assert_eq!(
            format!("{:?}", parse("RSSMRA80A01H501U").unwrap()),
            "FiscalCode(…)"
        );
        assert_eq!(
            format!(
                "{:?}",
                VatNumber::parse("15376371009", TestBodies::Refused).unwrap()
            ),
            "VatNumber(…)"
        );
        let error = parse("RSSMRA80A01H501X").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("RSSMRA"));
    }

    fn with_check(body: &str) -> String {
        format!("{body}{}", char::from(check_letter(body).unwrap()))
    }

    const BODY: &str = "[A-Z]{6}[0-9]{2}[ABCDEHLMPRST][0-7][0-9][A-Z][0-9]{3}";

    proptest! {
        /// A digit counts like the letter of the same rank (`0` like `A`, … `9` like `J`), so the check character alone does not
        /// tell them apart; but no place takes both, hence one wrong character is always noticed: by form or by check.
        #[test]
        fn one_wrong_character_is_always_noticed(body in BODY, position in 0..16_usize, other in "[0-9A-Z]") {
            let code = with_check(&body);
            prop_assert!(parse(&code).is_ok());
            let mut typed = code.clone();
            typed.replace_range(position..=position, &other);
            prop_assert_eq!(parse(&typed).is_ok(), typed == code);
        }

        #[test]
        fn digits_and_letters_of_the_same_rank_count_the_same(rank in 0..10_u8) {
            prop_assert_eq!(odd_value(b'0' + rank), odd_value(b'A' + rank));
            prop_assert_eq!(even_value(b'0' + rank), even_value(b'A' + rank));
        }

        #[test]
        fn every_subset_of_omocodia_letters_is_taken_and_tells_the_same(body in BODY, subset in 1..128_u8) {
            let base = parse(&with_check(&body)).unwrap();
            let mut changed = body.into_bytes();
            for (bit, position) in [6, 7, 9, 10, 12, 13, 14].into_iter().enumerate() {
                if subset & (1 << bit) != 0 {
                    changed[position] = b"LMNPQRSTUV"[usize::from(changed[position] - b'0')];
                }
            }
            let variant = parse(&with_check(&String::from_utf8(changed).unwrap())).unwrap();
            prop_assert_ne!(&variant, &base);
            prop_assert_eq!(variant.birth_date(today()), base.birth_date(today()));
            prop_assert_eq!((variant.sex(), variant.birthplace()), (base.sex(), base.birthplace()));
        }

        #[test]
        fn one_wrong_digit_of_eleven_is_always_noticed(first_ten in "[0-9]{10}", position in 0..11_usize, shift in 1..10_u8) {
            let right: Vec<String> = (0..10).map(|check| format!("{first_ten}{check}")).filter(|number| parse(number).is_ok()).collect();
            prop_assume!(!right.is_empty());
            prop_assert_eq!(right.len(), 1);
            let mut digits = right[0].clone().into_bytes();
            digits[position] = (digits[position] - b'0' + shift) % 10 + b'0';
            prop_assert!(parse(&String::from_utf8(digits).unwrap()).is_err());
        }
    }

    #[test]
    fn a_text_that_names_a_person_by_the_fiscal_code_is_found_out() {
        for text in [
            "Mensa di RSSMRA80A01H501U",
            "rssmra80a01h501u",
            "(RSSMRA80A01H501U), marzo",
        ] {
            assert!(contains_fiscal_code(text), "{text}");
        }
        for text in [
            "Mensa scolastica 2025",
            "RSSMRA80A01H501A",
            "01957f1f-2370-770e-9132-1729a8e91419",
            "",
        ] {
            assert!(!contains_fiscal_code(text), "{text}");
        }
    }
}
