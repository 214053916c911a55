//! Calls that prepare and check, one connection each: none of them is measured.

use std::net::SocketAddr;

use serde_json::Value;

use crate::failure::{Failure, system};
use crate::http::{Connection, request};

/// Calls `address` and reads its JSON. `key` is an API key of a gateway.
///
/// # Errors
/// [`Failure::Refused`] where the answer is no success, with what it says.
pub(crate) async fn call(
    address: SocketAddr,
    method: &str,
    target: &str,
    key: Option<&str>,
    body: Option<&Value>,
) -> Result<Value, Failure> {
    let what = format!("{method} {}", target.split('?').next().unwrap_or_default());
    let authorization = key.map(|key| format!("authorization: Bearer {key}"));
    let headers: Vec<&str> = authorization.iter().map(String::as_str).collect();
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = request(method, target, address, &headers, &body);
    let mut connection = Connection::open(address)
        .await
        .map_err(system(what.clone()))?;
    let answer = connection
        .exchange(&request)
        .await
        .map_err(system(what.clone()))?;
    if !(200..300).contains(&answer.status) {
        return Err(Failure::Refused {
            what,
            status: answer.status,
            body: String::from_utf8_lossy(answer.body).into_owned(),
        });
    }
    serde_json::from_slice(answer.body)
        .map_err(|error| Failure::Wrong(format!("{what} was not answered in JSON: {error}")))
}

/// The text at a JSON pointer.
///
/// # Errors
/// When there is none.
pub(crate) fn text(value: &Value, pointer: &str) -> Result<String, Failure> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .ok_or_else(|| Failure::Wrong(format!("an answer lacks {pointer}: {value}")))
}
