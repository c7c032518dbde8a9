//! Which turns a question's answer stands in, as files spell it.

use std::fmt;

/// A turn of a conversation: `D8:6` is the sixth of the eighth session. `D08:06` is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TurnId {
    session: u32,
    turn: u32,
}

impl TurnId {
    /// Reads one; none of anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (session, turn) = text.strip_prefix('D')?.split_once(':')?;
        // A sign is no digit, though it may stand in a number.
        let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().ok(),
            false => None,
        };
        Some(Self { session: number(session)?, turn: number(turn)? })
    }
}

impl fmt::Display for TurnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "D{}:{}", self.session, self.turn)
    }
}

/// What one text of a list of evidence names: most name a turn, some several, with semicolons, commas or blanks between.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ';' || c == ',' || c.is_whitespace()).filter(|piece| !piece.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_split_and_read() {
        #[track_caller]
        fn check(text: &str, expect: &[Result<&str, &str>]) {
            let read: Vec<_> = pieces(text)
                .map(|piece| TurnId::parse(piece).map(|id| id.to_string()).ok_or(piece))
                .collect();
            let expect: Vec<_> = expect.iter().map(|one| one.map(str::to_owned)).collect();
            assert_eq!(read, expect, "{text:?}");
        }
        check("D1:3", &[Ok("D1:3")]);
        check("D8:6; D9:17", &[Ok("D8:6"), Ok("D9:17")]);
        check("D8:6;D9:17,D10:1 D2:2\tD2:3", &[Ok("D8:6"), Ok("D9:17"), Ok("D10:1"), Ok("D2:2"), Ok("D2:3")]);
        check("D30:05", &[Ok("D30:5")]);
        check(" ; ,", &[]);
        check("", &[]);
        check("D:11:26", &[Err("D:11:26")]);
        check("D D1:2", &[Err("D"), Ok("D1:2")]);
        check(
            "d1:2 1:2 D1 D1: D:2 D1:2:3 D+1:2 D1:-2",
            &["d1:2", "1:2", "D1", "D1:", "D:2", "D1:2:3", "D+1:2", "D1:-2"].map(Err),
        );
        check("D99999999999:1", &[Err("D99999999999:1")]);
    }
}
