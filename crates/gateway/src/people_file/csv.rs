use csv_core::{ReadRecordResult, Reader};
use hongyan_domain::broadcast::Recipient;

use super::{BadLine, Found, LONGEST_LINE, not_utf8, too_long};
use crate::convert::broadcast::recipient_id;
use crate::extract::invalid;

/// The ways to name a person.
const WAYS: [&str; 3] = ["openid", "unionid", "user_id"];

/// The most columns.
const MOST_COLUMNS: usize = 256;

/// A CSV file of people: its first line names the columns, one of which is `openid`,
/// `unionid` or `user_id`; the others are fields.
pub(crate) struct CsvPeople {
    reader: Reader,
    /// The first bytes, until there are enough of them to tell a byte order mark;
    /// `None` = they were read.
    head: Option<Vec<u8>>,
    header: Option<Header>,
    /// The record being read.
    text: Vec<u8>,
    written: usize,
    ends: Vec<usize>,
    columns: usize,
    /// The line the next byte is on, and the one the record began on.
    line: u64,
    began: Option<u64>,
    /// Nothing more can be made of the file.
    given_up: bool,
}

struct Header {
    /// The place of the id, and what it is.
    id: usize,
    way: &'static str,
    names: Vec<String>,
}

impl Default for CsvPeople {
    fn default() -> Self {
        Self {
            reader: Reader::new(),
            head: Some(Vec::new()),
            header: None,
            text: vec![0; 1024],
            written: 0,
            ends: vec![0; 32],
            columns: 0,
            line: 1,
            began: None,
            given_up: false,
        }
    }
}

impl CsvPeople {
    pub(super) fn feed(&mut self, piece: &[u8], found: &mut Found) {
        match &mut self.head {
            None => self.read(piece, found),
            Some(head) => {
                head.extend_from_slice(piece);
                // The reader looks for a mark of three bytes in its first piece, and
                // takes an empty rest for the end.
                if head.len() > 3 {
                    self.read_head(found);
                }
            }
        }
    }

    fn read_head(&mut self, found: &mut Found) {
        let head = self.head.take().unwrap_or_default();
        self.read(&head, found);
    }

    fn read(&mut self, mut piece: &[u8], found: &mut Found) {
        while !piece.is_empty() && !self.given_up {
            if self.began.is_none() {
                // Empty lines and the rest of an end of line.
                let blank = piece
                    .iter()
                    .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                    .count();
                self.count_lines(&piece[..blank]);
                piece = &piece[blank..];
                if piece.is_empty() {
                    return;
                }
                self.began = Some(self.line);
            }
            let read = self.step(piece, found);
            self.count_lines(&piece[..read]);
            piece = &piece[read..];
        }
    }

    pub(super) fn end(mut self, found: &mut Found) {
        self.read_head(found);
        while self.began.is_some() && !self.given_up {
            self.step(&[], found);
        }
        if self.header.is_none() && !self.given_up {
            found.push(Err(BadLine::new(
                1,
                "empty",
                "the file is empty; its first line names the columns, such as openid,name",
                "文件为空；首行应为列名，如 openid,name",
            )));
        }
    }

    fn count_lines(&mut self, read: &[u8]) {
        self.line += read.iter().filter(|byte| **byte == b'\n').count() as u64;
    }

    /// Reads a part of `input`; how much.
    fn step(&mut self, input: &[u8], found: &mut Found) -> usize {
        let (result, read, written, columns) = self.reader.read_record(
            input,
            &mut self.text[self.written..],
            &mut self.ends[self.columns..],
        );
        self.written += written;
        self.columns += columns;
        match result {
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull if self.text.len() < LONGEST_LINE => {
                self.text.resize(self.text.len() * 2, 0);
            }
            ReadRecordResult::OutputEndsFull if self.ends.len() < MOST_COLUMNS => {
                self.ends.resize(self.ends.len() * 2, 0);
            }
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                found.push(Err(too_long(self.began.unwrap_or(self.line))));
                self.given_up = true;
            }
            ReadRecordResult::Record => {
                let line = self.began.take().unwrap_or(self.line);
                self.record(line, found);
                (self.written, self.columns) = (0, 0);
            }
            ReadRecordResult::End => self.began = None,
        }
        read
    }

    fn record(&mut self, line: u64, found: &mut Found) {
        let Ok(text) = std::str::from_utf8(&self.text[..self.written]) else {
            found.push(Err(not_utf8(line)));
            self.given_up |= self.header.is_none();
            return;
        };
        let mut begin = 0;
        let mut cells = Vec::with_capacity(self.columns);
        for end in &self.ends[..self.columns] {
            // Ends lie between characters wherever the separators are ASCII.
            cells.push(text.get(begin..*end).unwrap_or_default());
            begin = *end;
        }
        match &self.header {
            Some(header) => found.push(header.person(line, &cells)),
            None => match Header::read(&cells) {
                Ok(header) => self.header = Some(header),
                Err((message, message_zh)) => {
                    found.push(Err(BadLine::new(line, "header", message, message_zh)));
                    self.given_up = true;
                }
            },
        }
    }
}

impl Header {
    fn read(cells: &[&str]) -> Result<Self, (String, String)> {
        let names: Vec<_> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
        if let Some(place) = names.iter().position(String::is_empty) {
            let number = place + 1;
            return Err((
                format!("column {number} has no name"),
                format!("第 {number} 列没有列名"),
            ));
        }
        if let Some((_, twice)) = names
            .iter()
            .enumerate()
            .find(|(place, name)| names[..*place].contains(name))
        {
            return Err((
                format!("the column {twice:?} is there twice"),
                format!("列“{twice}”重复出现"),
            ));
        }
        let ids: Vec<_> = WAYS
            .into_iter()
            .filter_map(|way| Some((names.iter().position(|name| name == way)?, way)))
            .collect();
        match ids.as_slice() {
            [(id, way)] => Ok(Self {
                id: *id,
                way,
                names,
            }),
            _ => Err((
                "the first line names the columns, exactly one of them openid, unionid or user_id"
                    .to_owned(),
                "首行应为列名，且 openid、unionid、user_id 恰好出现一个".to_owned(),
            )),
        }
    }

    fn person(&self, line: u64, cells: &[&str]) -> Result<Recipient, BadLine> {
        if cells.len() != self.names.len() {
            let (wanted, count) = (self.names.len(), cells.len());
            return Err(BadLine::new(
                line,
                "columns",
                format!("it has {count} columns, the first line has {wanted}"),
                format!("有 {count} 列，而首行有 {wanted} 列"),
            ));
        }
        let to = recipient_id(self.way, cells[self.id].trim()).map_err(|(message, zh)| {
            BadLine::of(line, invalid(format!("/{}", self.way), "form", message, zh))
        })?;
        let others = self.names.iter().zip(cells).enumerate();
        let fields = others
            .filter(|(place, _)| *place != self.id)
            .map(|(_, (name, cell))| (name.clone(), serde_json::Value::from(*cell)))
            .collect();
        Ok(Recipient { to, fields })
    }
}
