//! JSON, strictly by RFC 8259, in the order of the file: keys may repeat, numbers keep their
//! spelling, and text behind the value is an error. Values go from the file into memory that is
//! wiped, without copies on the way. An error is a line, and nothing of it.

use crate::domain::SecretValue;
use crate::input::InputError;
use crate::input::tree::{Budget, Child, Node, Scalar};

/// Parses one value.
pub fn parse(text: &str) -> Result<Node, InputError> {
    let mut parser = Parser {
        text,
        at: 0,
        budget: Budget::default(),
    };
    let node = parser.value(0)?;
    parser.blanks();
    if parser.at == text.len() {
        Ok(node)
    } else {
        Err(parser.wrong())
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    budget: Budget,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Node, InputError> {
        self.budget.take(depth)?;
        self.blanks();
        match self.peek() {
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Node::Scalar(Scalar::Text(self.string()?))),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn map(&mut self, depth: usize) -> Result<Node, InputError> {
        let mut children = Vec::new();
        self.at += 1;
        self.blanks();
        if self.eat(b'}') {
            return Ok(Node::Map(children));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.wrong());
            }
            let key = self.string()?;
            let key = String::from_utf8(key.reveal().to_vec()).map_err(|_| self.wrong())?;
            self.blanks();
            if !self.eat(b':') {
                return Err(self.wrong());
            }
            children.push(Child::Node(key, self.value(depth + 1)?));
            self.blanks();
            if self.eat(b'}') {
                return Ok(Node::Map(children));
            }
            if !self.eat(b',') {
                return Err(self.wrong());
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Node, InputError> {
        let mut children = Vec::new();
        self.at += 1;
        self.blanks();
        if self.eat(b']') {
            return Ok(Node::List(children));
        }
        loop {
            children.push(Child::Node(String::new(), self.value(depth + 1)?));
            self.blanks();
            if self.eat(b']') {
                return Ok(Node::List(children));
            }
            if !self.eat(b',') {
                return Err(self.wrong());
            }
        }
    }

    /// The text of a string is never longer than its spelling, so its buffer never moves.
    fn string(&mut self) -> Result<SecretValue, InputError> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut end = start;
        while let Some(byte) = bytes.get(end).filter(|byte| **byte != b'"') {
            end += if *byte == b'\\' { 2 } else { 1 };
        }
        if end >= bytes.len() {
            return Err(self.wrong());
        }
        let mut out = Vec::with_capacity(end - start);
        let mut at = start;
        while at < end {
            self.at = at;
            match bytes[at] {
                b'\\' => at = self.escape(at, &mut out)?,
                byte if byte < 0x20 => return Err(self.wrong()),
                byte => {
                    out.push(byte);
                    at += 1;
                }
            }
        }
        self.at = end + 1;
        Ok(SecretValue::new(out))
    }

    /// Undoes the escape at `at`; returns where it ends.
    fn escape(&self, at: usize, out: &mut Vec<u8>) -> Result<usize, InputError> {
        let plain = match self.text.as_bytes()[at + 1] {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode(at, out),
            _ => return Err(self.wrong()),
        };
        out.push(plain);
        Ok(at + 2)
    }

    fn unicode(&self, at: usize, out: &mut Vec<u8>) -> Result<usize, InputError> {
        let unit = |at: usize| {
            let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
            let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            u16::from_str_radix(digits, 16).ok().filter(|_| hex)
        };
        let first = unit(at).ok_or_else(|| self.wrong())?;
        let second = (0xd800..0xdc00).contains(&first).then(|| unit(at + 6));
        let units = [first, second.flatten().unwrap_or(0)];
        let count = if second.is_some() { 2 } else { 1 };
        for char in char::decode_utf16(units[..count].iter().copied()) {
            // A lone half of a pair is no character.
            let char = char.map_err(|_| self.wrong())?;
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(at + 6 * count)
    }

    fn number(&mut self) -> Result<Node, InputError> {
        let start = self.at;
        self.eat(b'-');
        if self.eat(b'0') {
            if self.digit() {
                return Err(self.wrong());
            }
        } else {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        let text = self.text.as_bytes()[start..self.at].to_vec();
        Ok(Node::Scalar(Scalar::Number(SecretValue::new(text))))
    }

    fn word(&mut self) -> Result<Node, InputError> {
        for (word, scalar) in [
            ("true", Scalar::Bool(true)),
            ("false", Scalar::Bool(false)),
            ("null", Scalar::Null),
        ] {
            if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(Node::Scalar(scalar));
            }
        }
        Err(self.wrong())
    }

    fn digits(&mut self) -> Result<(), InputError> {
        if !self.digit() {
            return Err(self.wrong());
        }
        while self.digit() {
            self.at += 1;
        }
        Ok(())
    }

    fn digit(&self) -> bool {
        self.peek().is_some_and(|byte| byte.is_ascii_digit())
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self) -> InputError {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        InputError::Syntax { line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> usize {
        match parse(text) {
            Err(InputError::Syntax { line }) => line,
            other => panic!("{}: {}", text.len(), other.is_ok()),
        }
    }

    #[test]
    fn order_repeated_keys_and_spelling_stay() {
        let node = parse(r#" {"b": 1.50, "a": "x", "b": [null, true, -0e+1]} "#).unwrap();
        let keys: Vec<_> = node
            .map()
            .unwrap()
            .iter()
            .map(|child| match child {
                Child::Node(key, _) => key.as_str(),
                Child::Comment(_) => "#",
            })
            .collect();
        assert_eq!(keys, ["b", "a", "b"]);
        let Some([Child::Node(_, Node::Scalar(Scalar::Number(text))), ..]) = node.map() else {
            panic!("not a number");
        };
        assert_eq!(text.reveal(), b"1.50");
    }

    #[test]
    fn every_escape_is_undone() {
        let node = parse(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#).unwrap();
        let Node::Scalar(Scalar::Text(text)) = node else {
            panic!("not a text");
        };
        assert_eq!(text.reveal(), "\"\\/\u{8}\u{c}\n\r\té😀".as_bytes());
    }

    /// What follows the value, half a character, a raw control character: each is an error with its
    /// line.
    #[test]
    fn what_is_not_json_is_refused_by_line() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\" 1}",
            "{a: 1}",
            "01",
            "1.",
            "-",
            "+1",
            "tru",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\u+123\"",
            "\"\t\"",
            "\"",
            "\"\\",
            "\"\\\"",
            "{} {}",
            "\u{feff}{}",
        ] {
            assert_eq!(line(text), 1, "{text:?}");
        }
        assert_eq!(line("{\n\"a\":\n 01}"), 3);
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(parse(&deep).unwrap_err(), InputError::TooDeep);
        let wide = format!("[{}0]", "0,".repeat(200_000));
        assert_eq!(parse(&wide).unwrap_err(), InputError::TooMany);
    }
}
