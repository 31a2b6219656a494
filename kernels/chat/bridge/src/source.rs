//! What happens to a template's text before it is parsed: line ends, {% generation %}, and limits that keep the parser and the
//! code generator, which recurse, within the stack.

use minijinja::{Error, ErrorKind};

/// Tokens of one tag that can nest or chain. 1 + 1 + 1 … makes a tree as deep as the chain is long.
const MAX_TOKENS_PER_TAG: usize = 3000;

/// {% elif %} nests in the tree, each in the one before.
const MAX_ELIFS: usize = 1000;

pub const MAX_SOURCE_BYTES: usize = 4 << 20;

fn error(message: String) -> Error {
    Error::new(ErrorKind::SyntaxError, message)
}

/// The source as minijinja shall see it. Jinja2 makes all line ends \n. transformers' {% generation %} … {% endgeneration %}
/// shows its body and opens a scope; {% with %} does just that, and gets its white space control.
pub fn prepare(source: &str) -> Result<String, Error> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(error(format!("the template has more than {MAX_SOURCE_BYTES} bytes")));
    }
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(source.len() + 64);
    let mut rest = source.as_str();
    let mut elifs = 0;
    while let Some(at) = find_tag(rest) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match &rest[..2] {
            "{#" => rest.find("#}").map_or(rest.len(), |end| end + 2),
            "{{" => tag_end(rest, "}}")?,
            _ => match basic_tag(rest, "raw") {
                Some(start) => raw_end(rest, start),
                None => {
                    let end = tag_end(rest, "%}")?;
                    elifs += usize::from(rest[2..].trim_start_matches(['-', '+']).trim_start().starts_with("elif"));
                    if elifs > MAX_ELIFS {
                        return Err(error(format!("the template has more than {MAX_ELIFS} tags 'elif'")));
                    }
                    if let Some(replaced) = generation(&rest[..end]) {
                        out.push_str(&replaced);
                        rest = &rest[end..];
                        continue;
                    }
                    end
                }
            },
        };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out.push_str(rest);
    Ok(out)
}

fn find_tag(text: &str) -> Option<usize> {
    text.as_bytes().windows(2).position(|pair| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'))
}

/// The length of the tag at the start of `text`, including its end mark. Strings inside may hold the mark.
fn tag_end(text: &str, mark: &str) -> Result<usize, Error> {
    let bytes = text.as_bytes();
    let (mut at, mut tokens, mut depth) = (2, 0usize, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            _ if depth == 0 && text.as_bytes()[at..].starts_with(mark.as_bytes()) => return Ok(at + mark.len()),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            byte => {
                let word_starts = byte.is_ascii_alphabetic() && !bytes[at - 1].is_ascii_alphanumeric();
                if word_starts || matches!(byte, b'+' | b'-' | b'*' | b'/' | b'%' | b'~' | b'|' | b'.' | b'<' | b'>' | b'=' | b'!') {
                    tokens += 1;
                }
            }
        }
        if matches!(bytes.get(at), Some(b'(' | b'[' | b'{')) {
            tokens += 1;
        }
        if tokens > MAX_TOKENS_PER_TAG {
            return Err(error(format!("one tag of the template has more than {MAX_TOKENS_PER_TAG} operations")));
        }
        at += 1;
    }
    Ok(text.len())
}

/// Where {% name %} at the start of `text` ends, if that is what stands there.
fn basic_tag(text: &str, name: &str) -> Option<usize> {
    let inside = text.strip_prefix("{%")?;
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside).trim_start().strip_prefix(name)?.trim_start();
    let after = inside.strip_prefix(['-', '+']).unwrap_or(inside).strip_prefix("%}")?;
    Some(text.len() - after.len())
}

fn raw_end(text: &str, start: usize) -> usize {
    let mut at = start;
    while let Some(next) = text[at..].find("{%") {
        if let Some(end) = basic_tag(&text[at + next..], "endraw") {
            return at + next + end;
        }
        at += next + 2;
    }
    text.len()
}

fn generation(tag: &str) -> Option<String> {
    for (name, replacement) in [("generation", "with"), ("endgeneration", "endwith")] {
        if basic_tag(tag, name) == Some(tag.len()) {
            return Some(tag.replacen(name, replacement, 1));
        }
    }
    None
}
