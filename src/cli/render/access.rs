//! Who reads what, as a matrix: a table for the eye, CSV for a spreadsheet, a page for a browser, and
//! JSON. No cell of the CSV begins like a formula; the page escapes all of its text, has no script and
//! asks for nothing from elsewhere.

use serde::Serialize;

use crate::domain::{Member, ReaderName, VaultId};
use crate::people::{Readership, Row};

/// The matrix as a table: secrets down, people across.
pub fn table(readership: &Readership) -> String {
    let rows = cells(readership, |ways| ways.unwrap_or("-").to_owned());
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<_> = (0..columns)
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let padded = row.iter().zip(&widths);
        let padded = padded.map(|(cell, width)| format!("{cell:<width$}"));
        let line = padded.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The matrix for a spreadsheet (RFC 4180, with plain line ends).
pub fn csv(readership: &Readership) -> String {
    let rows = cells(readership, |ways| ways.unwrap_or_default().to_owned());
    let line = |row: &Vec<String>| {
        let fields = row.iter().map(|cell| field(cell));
        fields.collect::<Vec<_>>().join(",")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A field that no spreadsheet takes for a formula (OWASP, "CSV Injection").
fn field(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

const STYLE: &str = "body{font:15px/1.4 system-ui,sans-serif;margin:2rem;color:#1b1b1f;background:#fff}\
table{border-collapse:collapse}th,td{border:1px solid #c8c8d0;padding:.3rem .6rem;text-align:left}\
thead th{position:sticky;top:0;background:#eeeef3}tbody th{font:13px ui-monospace,monospace}\
td.y{background:#e2f3e5}td.n{color:#8a8a94}p{max-width:60rem}\
@media(prefers-color-scheme:dark){body{color:#e6e6ea;background:#18181b}thead th{background:#2a2a30}\
td.y{background:#1f3a26}th,td{border-color:#44444c}}";

/// The matrix as one page. `made` says when.
pub fn html(readership: &Readership, id: &VaultId, made: &str) -> String {
    let rows = cells(readership, |ways| ways.unwrap_or_default().to_owned());
    let mut rows = rows.iter();
    let head: String = rows.next().map_or_else(String::new, |row| {
        let cells = row.iter();
        let cells = cells.map(|cell| format!("<th scope=\"col\">{}</th>", escaped(cell)));
        cells.collect()
    });
    let body: Vec<_> = rows
        .map(|row| {
            let cells = row.iter().enumerate().map(|(column, cell)| match cell {
                cell if column == 0 => format!("<th scope=\"row\">{}</th>", escaped(cell)),
                cell if column == 1 => format!("<td>{}</td>", escaped(cell)),
                cell if cell.is_empty() => "<td class=\"n\">no</td>".to_owned(),
                cell => format!("<td class=\"y\">{}</td>", escaped(cell)),
            });
            format!("<tr>{}</tr>", cells.collect::<String>())
        })
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Who reads what</title><style>{STYLE}</style></head><body>\n\
         <h1>Who reads what</h1>\n\
         <p>Vault {}, {}. Who reads is what the signed statements of the vault say.</p>\n\
         <table><thead><tr>{head}</tr></thead><tbody>\n{}\n</tbody></table></body></html>",
        escaped(id.as_str()),
        escaped(made),
        body.join("\n")
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// The cells: a head, then one row a secret: its name, its folder, and for each of the people how.
fn cells(readership: &Readership, cell: impl Fn(Option<&str>) -> String) -> Vec<Vec<String>> {
    let people = readership.people();
    let names = people.iter().map(ToString::to_string);
    let head = ["secret".to_owned(), "key of".to_owned()];
    let head = head.into_iter().chain(names).collect();
    let row = |row: &Row| {
        let start = [row.name.to_string(), row.folder.to_string()];
        let each = people.iter().map(|person| {
            let ways = row.readers.get(*person).map(|ways| how(ways.as_deref()));
            cell(ways.as_deref())
        });
        start.into_iter().chain(each).collect()
    };
    [head]
        .into_iter()
        .chain(readership.rows.iter().map(row))
        .collect()
}

/// In what way somebody reads: by name, or through groups; empty: he is in no list any more.
fn how(ways: Option<&[Member]>) -> String {
    let Some(ways) = ways else {
        return "reads".to_owned();
    };
    let groups = ways.iter().filter(|way| !matches!(way, Member::Person(_)));
    let groups: Vec<_> = groups.map(ToString::to_string).collect();
    match (ways.is_empty(), groups.is_empty()) {
        (true, _) => "reads (in no list)".to_owned(),
        (false, true) => "reads".to_owned(),
        (false, false) => format!("reads ({})", groups.join(" ")),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    format_version: u32,
    vault: &'a str,
    secrets: Vec<SecretJson<'a>>,
}

#[derive(Serialize)]
struct SecretJson<'a> {
    name: &'a str,
    folder: &'a str,
    readers: Vec<ReaderJson<'a>>,
}

#[derive(Serialize)]
struct ReaderJson<'a> {
    name: &'a str,
    through: Option<Vec<String>>,
}

/// The matrix as JSON.
pub fn json<'a>(readership: &'a Readership, id: &'a VaultId) -> String {
    let reader = |(name, ways): (&'a ReaderName, &'a Option<Vec<Member>>)| ReaderJson {
        name: name.as_str(),
        through: ways
            .as_ref()
            .map(|ways| ways.iter().map(ToString::to_string).collect()),
    };
    let secrets = readership.rows.iter().map(|row| SecretJson {
        name: row.name.as_str(),
        folder: row.folder.as_str(),
        readers: row.readers.iter().map(reader).collect(),
    });
    let document = Document {
        format_version: 1,
        vault: id.as_str(),
        secrets: secrets.collect(),
    };
    serde_json::to_string_pretty(&document).expect("these structures always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_its_line() {
        for (cell, shown) in [
            ("plain", "plain"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@all", "'@all"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=a,b", "\"'=a,b\""),
        ] {
            assert_eq!(field(cell), shown);
        }
    }

    #[test]
    fn nothing_in_the_page_is_markup_but_ours() {
        assert_eq!(
            escaped("<script>alert('&\"')</script>"),
            "&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;"
        );
        let id = VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap();
        let page = html(&Readership::default(), &id, "<img src=x>");
        assert!(!page.contains("<img") && page.contains("&lt;img src=x&gt;"));
        assert!(!page.contains("<script") && !page.contains("http://"));
    }
}
