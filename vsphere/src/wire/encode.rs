//! Writing SOAP calls.

use std::fmt::Write as _;

use base64::Engine as _;

use crate::value::{MoRef, Name, Value};

/// Why a call could not be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum EncodeError {
    /// XML has no way to write the control characters.
    #[error("a text holds a control character, which XML cannot carry")]
    ControlCharacter,
    /// Names come from programs, never from users.
    #[error("a name is not an XML name")]
    Name,
}

/// A call to be written.
pub(crate) struct Envelope<'a> {
    /// The namespace of the method: `urn:vim25`, `urn:pbm`.
    pub(crate) namespace: &'a str,
    pub(crate) method: &'a str,
    pub(crate) this: &'a MoRef,
    pub(crate) args: &'a [(Name, Value)],
    /// Shows up in the server's logs.
    pub(crate) operation_id: &'a str,
    /// The session for services beside vim25, which do not read the cookie.
    pub(crate) session_cookie: Option<&'a str>,
}

impl Envelope<'_> {
    pub(crate) fn write(&self) -> Result<String, EncodeError> {
        let mut out = String::with_capacity(1024);
        out.push_str(concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/""#,
            r#" xmlns:xsd="http://www.w3.org/2001/XMLSchema""#,
            r#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Header>"#,
        ));
        element(&mut out, "operationID", self.operation_id)?;
        if let Some(cookie) = self.session_cookie {
            element(&mut out, "vcSessionCookie", cookie)?;
        }
        out.push_str("</soapenv:Header><soapenv:Body>");
        check_name(self.method)?;
        // Writing to a String cannot fail.
        let _ = write!(out, "<{} xmlns=\"", self.method);
        escape(&mut out, self.namespace)?;
        out.push_str("\">");
        value(&mut out, "_this", &Value::MoRef(self.this.clone()))?;
        for (name, argument) in self.args {
            value(&mut out, name, argument)?;
        }
        let _ = write!(out, "</{}></soapenv:Body></soapenv:Envelope>", self.method);
        Ok(out)
    }
}

fn element(out: &mut String, name: &str, text: &str) -> Result<(), EncodeError> {
    let _ = write!(out, "<{name}>");
    escape(out, text)?;
    let _ = write!(out, "</{name}>");
    Ok(())
}

/// Writes a value as an element. Array items without a type of their own repeat the element.
fn value(out: &mut String, name: &str, value_: &Value) -> Result<(), EncodeError> {
    check_name(name)?;
    let leaf = |out: &mut String, xsi_type: &str, text: &str| {
        out.push('<');
        out.push_str(name);
        if !xsi_type.is_empty() {
            out.push_str(" xsi:type=\"");
            escape(out, xsi_type)?;
            out.push('"');
        }
        out.push('>');
        escape(out, text)?;
        let _ = write!(out, "</{name}>");
        Ok(())
    };
    match value_ {
        Value::Unset => Ok(()),
        Value::Bool(v) => leaf(out, "xsd:boolean", if *v { "true" } else { "false" }),
        Value::Byte(v) => leaf(out, "xsd:byte", &v.to_string()),
        Value::Short(v) => leaf(out, "xsd:short", &v.to_string()),
        Value::Int(v) => leaf(out, "xsd:int", &v.to_string()),
        Value::Long(v) => leaf(out, "xsd:long", &v.to_string()),
        Value::Float(v) => leaf(out, "xsd:float", &v.to_string()),
        Value::Double(v) => leaf(out, "xsd:double", &v.to_string()),
        Value::String(v) => leaf(out, "xsd:string", v),
        Value::Text(v) | Value::Unreadable(v) => leaf(out, "", v),
        Value::DateTime(v) => leaf(out, "xsd:dateTime", v),
        Value::Binary(v) => leaf(out, "xsd:base64Binary", &base64::engine::general_purpose::STANDARD.encode(v)),
        Value::Enum(v) => leaf(out, &v.type_name, &v.value),
        Value::MoRef(v) => {
            let _ = write!(out, "<{name} type=\"");
            escape(out, &v.kind)?;
            out.push_str("\">");
            escape(out, &v.value)?;
            let _ = write!(out, "</{name}>");
            Ok(())
        }
        Value::Array(array) => array.items.iter().try_for_each(|item| value(out, name, item)),
        Value::Object(object) => {
            out.push('<');
            out.push_str(name);
            if let Some(type_name) = &object.type_name {
                out.push_str(" xsi:type=\"");
                escape(out, type_name)?;
                out.push('"');
            }
            out.push('>');
            object.fields.iter().try_for_each(|(field, item)| value(out, field, item))?;
            let _ = write!(out, "</{name}>");
            Ok(())
        }
    }
}

fn check_name(name: &str) -> Result<(), EncodeError> {
    let ok = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if ok { Ok(()) } else { Err(EncodeError::Name) }
}

fn escape(out: &mut String, text: &str) -> Result<(), EncodeError> {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Readers turn a bare carriage return into a line feed, and white space in attributes into blanks.
            '\r' => out.push_str("&#13;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => return Err(EncodeError::ControlCharacter),
            other => out.push(other),
        }
    }
    Ok(())
}
