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

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1b1b1f;--page:#fff;--line:#d4d4dc;--edge:#8a8a94;--head:#eeeef3;\
--soft:#6a6a74;--yes:#e2f3e5}\
@media(prefers-color-scheme:dark){:root{--text:#e6e6ea;--page:#18181b;--line:#3a3a42;--edge:#7a7a84;\
--head:#2a2a30;--soft:#a0a0aa;--yes:#1f3a26}}\
body{font:15px/1.4 system-ui,sans-serif;margin:2rem;color:var(--text);background:var(--page)}\
p{max-width:60rem;overflow-wrap:anywhere}\
table{border-collapse:separate;border-spacing:0;border-top:1px solid var(--line);border-left:1px solid var(--line)}\
th,td{border-right:1px solid var(--line);border-bottom:1px solid var(--line);padding:.35rem .6rem;\
text-align:left;vertical-align:top;overflow-wrap:anywhere;min-width:4.5rem;max-width:16rem}\
thead th{position:sticky;top:0;background:var(--head);vertical-align:bottom;z-index:1}\
tbody th{position:sticky;left:0;background:var(--page);font:13px/1.6 ui-monospace,monospace;\
min-width:12rem;max-width:24rem}\
thead th:first-child{left:0;z-index:2}\
tr.first>*{border-top:2px solid var(--edge)}\
td.y{background:var(--yes)}td.n,small{color:var(--soft)}small{display:block}\
@media print{@page{size:landscape;margin:1cm}body{margin:0;font-size:10px}tbody th{font-size:9px}\
th,td{position:static!important;min-width:3.5rem!important}tr{break-inside:avoid}\
td.y,thead th{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

/// The matrix as one page. `made` says when.
pub fn html(readership: &Readership, id: &VaultId, made: &str) -> String {
    let people = readership.people();
    let names = people.iter().map(ToString::to_string);
    let head = ["secret".to_owned(), "key of".to_owned()];
    let head: String = head
        .into_iter()
        .chain(names)
        .map(|name| format!("<th scope=\"col\">{}</th>", broken(&name)))
        .collect();
    let mut last = readership.rows.first().map(|row| &row.folder);
    let mut body = String::new();
    for row in &readership.rows {
        let begins = last.replace(&row.folder) != Some(&row.folder);
        let class = if begins { " class=\"first\"" } else { "" };
        let folder = match &row.folder {
            top if top.is_top() => "the vault".to_owned(),
            other => broken(other.as_str()),
        };
        let name = broken(row.name.as_str());
        let cells = people.iter().map(|person| match row.readers.get(*person) {
            None => "<td class=\"n\">no</td>".to_owned(),
            Some(ways) => cell(&how(ways.as_deref())),
        });
        let cells: String = cells.collect();
        body.push_str(&format!(
            "<tr{class}><th scope=\"row\">{name}</th><td>{folder}</td>{cells}</tr>\n"
        ));
    }
    let unclear = readership.unclear.iter().map(|(folder, why)| {
        let why = escaped(&why.to_string());
        format!("<p><strong>In question, and not below: {folder}.</strong> {why}</p>\n")
    });
    let unclear: String = unclear.collect();
    let counted = |count: usize, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Who reads what</title><style>{STYLE}</style></head><body>\n\
         <h1>Who reads what</h1>\n\
         <p>{} and {} of vault {}, {}. This is what the signed statements in the vault say; the group \
         through which somebody reads is the manifest's.</p>\n{unclear}\
         <table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></body></html>",
        counted(readership.rows.len(), "secret", "secrets"),
        counted(people.len(), "reader", "readers"),
        escaped(id.as_str()),
        escaped(made),
    )
}

/// A cell of somebody who reads; in what way stands below.
fn cell(how: &str) -> String {
    match how
        .split_once(" (")
        .map(|(word, rest)| (word, rest.trim_end_matches(')')))
    {
        Some((word, way)) => {
            format!(
                "<td class=\"y\">{}<small>{}</small></td>",
                escaped(word),
                escaped(way)
            )
        }
        None => format!("<td class=\"y\">{}</td>", escaped(how)),
    }
}

/// A name as text of the page that may be broken at its joints.
fn broken(name: &str) -> String {
    let text = escaped(name);
    text.replace('_', "_<wbr>").replace('/', "/<wbr>")
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
        let top = crate::domain::FolderName::top();
        let readership = Readership {
            unclear: [(top, "<b>bold</b>".to_owned())].into_iter().collect(),
            ..Readership::default()
        };
        let page = html(&readership, &id, "<img src=x>");
        assert!(!page.contains("<img") && page.contains("&lt;img src=x&gt;"));
        assert!(!page.contains("<b>") && page.contains("&lt;b&gt;bold&lt;/b&gt;"));
        assert!(!page.contains("<script") && !page.contains("http://"));
    }
}
