//! A program that starts without any key and asks for one only when a request needs it: each line on
//! stdin is a request, `GET /health` or `GET /ask/PROVIDER`. It answers with the length of the credential
//! it would use, never with the credential.

use std::io::{BufRead, Write, stdin, stdout};

use hoziron::{CredentialError, Credentials};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Reads no secret and no private key: a program that is never asked for one needs none.
    let credentials = Credentials::open()?;
    let mut out = stdout().lock();
    writeln!(out, "ready")?;
    for line in stdin().lock().lines() {
        match answer(&credentials, &line?) {
            Ok(text) => writeln!(out, "200 {text}")?,
            Err(error) => writeln!(out, "503 {error}")?,
        }
        out.flush()?;
    }
    Ok(())
}

/// Answers one request; what is missing fails this request and no other.
fn answer(credentials: &Credentials, request: &str) -> Result<String, CredentialError> {
    let Some(provider) = request.strip_prefix("GET /ask/") else {
        return Ok("well".to_owned());
    };
    // Looked up each time: a new value needs no restart, and this one is wiped when it is dropped.
    let key = credentials.provider(provider).key("api_key")?;
    Ok(format!("asked {provider} with {} bytes", key.len()))
}
